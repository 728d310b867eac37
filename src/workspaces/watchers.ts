// The two ways to watch, as one: a socket that sleeps between frames, and an open response of server-sent events.
import { encode, serverSentText, socketText, type Close, type StreamEvent } from "./feed-frames.ts"
import type { WatchState } from "../http/watch.ts"

export type Watcher = {
  state(): WatchState
  remember(state: WatchState): void
  send(event: StreamEvent): void
  /** A frame without an envelope; over sockets alone. */
  sendBare(value: unknown): void
  end(close: Close): void
}

/** What it remembers lies beside the socket and survives hibernation. */
export function socketWatcher(socket: WebSocket): Watcher {
  return {
    state: () => socket.deserializeAttachment() as WatchState,
    remember: (state) => socket.serializeAttachment(state),
    send: (event) => socket.send(socketText(event)),
    sendBare: (value) => socket.send(encode(value)),
    end: ({ code, reason }) => socket.close(code, reason),
  }
}

/** `onGone` is called once, when the reader has left or the stream was ended. */
export function eventStreamWatcher(
  first: WatchState,
  onGone: (watcher: Watcher) => void,
): { watcher: Watcher; body: ReadableStream<Uint8Array> } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  let state = first
  const watcher: Watcher = {
    state: () => state,
    remember: (next) => {
      state = next
    },
    send: (event) => {
      writer.write(encoder.encode(serverSentText(event))).catch(() => onGone(watcher))
    },
    sendBare: () => {},
    end: () => {
      onGone(watcher)
      writer.close().catch(() => {})
    },
  }
  writer.closed.then(
    () => onGone(watcher),
    () => onGone(watcher),
  )
  return { watcher, body: readable }
}
