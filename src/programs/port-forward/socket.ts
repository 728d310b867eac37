// A WebSocket from a program to the control plane.
//
// It carries the credential in a header, sends pings, and detects a half-open connection.
import { setTimeout as wait } from "node:timers/promises"

export type Line = {
  send: (data: string | Uint8Array<ArrayBuffer>) => void
  close: () => void
  /** Resolves with the close code when the socket is closed. */
  closed: Promise<number>
}

export type LineOptions = {
  url: string
  headers: Record<string, string>
  onMessage: (data: string | Uint8Array) => void
  /** Sent each `pingMs`. Any message in return shows that the connection is alive. */
  ping: string | Uint8Array<ArrayBuffer>
  pingMs: number
  silentMsMax: number
  /** Closes the socket, or aborts its handshake. */
  signal?: AbortSignal
}

/** Why a handshake was rejected: the status, if the server gave one. */
export class LineRefused extends Error {
  override name = "LineRefused"
}

const handshakeMsMax = 15_000

// Node's own WebSocket accepts headers; the types of browsers lack them.
type NodeWebSocket = new (url: string, options: { headers: Record<string, string> }) => WebSocket

/** Opens a socket. Rejects with `LineRefused` if the handshake fails. */
export async function openLine(options: LineOptions): Promise<Line> {
  const Constructor = WebSocket as unknown as NodeWebSocket
  const { headers, signal } = options
  const socket = new Constructor(options.url.replace(/^http/, "ws"), { headers })
  socket.binaryType = "arraybuffer"
  let heardAtMs = performance.now()
  let timer: NodeJS.Timeout | undefined
  let down = (_code: number) => {}
  const close = () => socket.close(1000)
  const closed = new Promise<number>((resolve) => {
    down = (code) => {
      clearInterval(timer)
      signal?.removeEventListener("abort", close)
      resolve(code)
    }
  })
  socket.addEventListener("message", (event) => {
    heardAtMs = performance.now()
    const data: unknown = event.data
    options.onMessage(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer))
  })
  socket.addEventListener("close", (event) => down(event.code))
  if (signal?.aborted) close()
  else signal?.addEventListener("abort", close, { once: true })
  const opened = new Promise<boolean>((resolve) => {
    socket.addEventListener("open", () => resolve(true))
    socket.addEventListener("error", () => resolve(false))
    socket.addEventListener("close", () => resolve(false))
  })
  const isOpen = await Promise.race([opened, wait(handshakeMsMax, false, { ref: false })])
  if (!isOpen) {
    socket.close()
    signal?.removeEventListener("abort", close)
    throw new LineRefused("the connection was refused")
  }
  timer = setInterval(() => {
    // A half-open connection may take minutes to report its close, so it is abandoned here.
    if (performance.now() - heardAtMs > options.silentMsMax) {
      socket.close()
      down(4408)
    } else if (socket.readyState === WebSocket.OPEN) socket.send(options.ping)
  }, options.pingMs)
  return {
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data)
    },
    close,
    closed,
  }
}
