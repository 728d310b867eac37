// The two ways to watch, as one: a socket that sleeps between frames, and an open response of server-sent events.
import { encode, serverSentText, socketText, type Close, type StreamEvent } from "./frames.ts"
import type { WatchState } from "../platform/durable/watch.ts"

export type Watcher = {
  /** An open response of server-sent events, and no socket. */
  isStream: boolean
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
    isStream: false,
    state: () => socket.deserializeAttachment() as WatchState,
    remember: (state) => socket.serializeAttachment(state),
    send: (event) => socket.send(socketText(event)),
    sendBare: (value) => socket.send(encode(value)),
    end: ({ code, reason }) => socket.close(code, reason),
  }
}

/** Events that wait for a reader who does not read. Then they are given up, and may connect again. */
const unreadMax = 64

/** `onGone` is called once, when the reader has left or the stream was ended. */
export function eventStreamWatcher(
  first: WatchState,
  onGone: (watcher: Watcher) => void,
): { watcher: Watcher; body: ReadableStream<Uint8Array> } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  let state = first
  let unread = 0
  const watcher: Watcher = {
    isStream: true,
    state: () => state,
    remember: (next) => {
      state = next
    },
    send: (event) => {
      if (unread >= unreadMax) {
        onGone(watcher)
        writer.abort().catch(() => {})
        return
      }
      unread += 1
      writer
        .write(encoder.encode(serverSentText(event)))
        .finally(() => (unread -= 1))
        .catch(() => onGone(watcher))
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
