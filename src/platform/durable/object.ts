// The alarm and the sockets of a Durable Object.
import { platformClock } from "../../clock.ts"

/**
 * Sets the alarm to fire within `ms`, on the platform's clock.
 *
 * Never postpones an alarm that is already set; otherwise a busy caller would starve the others.
 */
export async function armAlarm(storage: DurableObjectStorage, ms: number): Promise<void> {
  const atMs = platformClock().getTime() + ms
  const armedAtMs = await storage.getAlarm()
  if (armedAtMs === null || armedAtMs > atMs) await storage.setAlarm(atMs)
}

/** Accepts a socket that hibernates. The attachment and the tags survive hibernation. */
export function acceptSocket(
  ctx: DurableObjectState,
  attachment: unknown,
  tags: string[] = [],
): { socket: WebSocket; answer: Response } {
  const { 0: client, 1: socket } = new WebSocketPair()
  ctx.acceptWebSocket(socket, tags)
  socket.serializeAttachment(attachment)
  return { socket, answer: new Response(null, { status: 101, webSocket: client }) }
}

export const isOpen = (socket: WebSocket): boolean => socket.readyState === WebSocket.OPEN

/** Sends a frame. Does nothing if the socket has closed: its close event is reported separately. */
export function sendTo(socket: WebSocket, data: string | ArrayBuffer): void {
  try {
    socket.send(data)
  } catch {
    // Closed.
  }
}

export function closeSocket(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason)
  } catch {
    // Closed already.
  }
}

/** Replies to the other side's close frame. 1005 and 1006 mean "no code" and may not be sent. */
export function replyToClose(socket: WebSocket, code: number): void {
  closeSocket(socket, code === 1005 || code === 1006 ? 1000 : code, "")
}
