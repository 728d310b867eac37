// The two kinds of watcher behind one type: a hibernating socket and an open event stream.
import { closeSocket, sendTo } from "../platform/durable/object.ts"
import { frameText, serverSentText, type Close, type StreamEvent } from "./frames.ts"
import type { WatchState } from "../platform/durable/watch.ts"

export type Watcher = {
  /** An open response of server-sent events, not a socket. */
  isStream: boolean
  state(): WatchState
  remember(state: WatchState): void
  send(event: StreamEvent): void
  /** Sends a frame without an envelope. Does nothing on an event stream. */
  sendBare(value: unknown): void
  end(close: Close): void
}

/** The state is the socket's attachment and survives hibernation. */
export function socketWatcher(socket: WebSocket): Watcher {
  return {
    isStream: false,
    state: () => socket.deserializeAttachment() as WatchState,
    remember: (state) => socket.serializeAttachment(state),
    send: (event) => sendTo(socket, frameText(event)),
    sendBare: (value) => sendTo(socket, frameText(value)),
    end: ({ code, reason }) => closeSocket(socket, code, reason),
  }
}

/** Events that may wait for a reader that does not read. Then the stream ends; it may reconnect. */
const unreadMax = 64

/** `onGone` is called when the reader has left or the stream has ended. */
export function eventStreamWatcher(
  first: WatchState,
  onGone: (watcher: Watcher) => void,
): { watcher: Watcher; body: ReadableStream<Uint8Array> } {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const encoder = new TextEncoder()
  let state = first
  let unread = 0
  const gone = () => onGone(watcher)
  const send = (event: StreamEvent) => {
    if (unread >= unreadMax) {
      gone()
      writer.abort().catch(() => {})
      return
    }
    unread += 1
    const written = writer.write(encoder.encode(serverSentText(event)))
    written.finally(() => (unread -= 1)).catch(gone)
  }
  const watcher: Watcher = {
    isStream: true,
    state: () => state,
    remember: (next) => {
      state = next
    },
    send,
    sendBare: () => {},
    end: () => {
      gone()
      writer.close().catch(() => {})
    },
  }
  writer.closed.then(gone, gone)
  return { watcher, body: readable }
}
