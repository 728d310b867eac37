// What goes over the wire to a watcher: the envelope of one-way streams, its two encodings, and the closes (api.md 0.8).

export type StreamEvent =
  | { type: "ping" }
  | { type: "data"; data: unknown }
  | { type: "error"; data: unknown }

/**
 * How a stream ends. Clients stop for good on 1000 and 1001 and give up on 1002; anything else they answer by connecting
 * again, and the handshake then tells them why (401, 404). So a lost right is 1008, never 1000.
 */
export const closes = {
  done: { code: 1000, reason: "done" },
  clientSpoke: { code: 1002, reason: "Clients cannot send messages for one-way WebSockets" },
  notAllowed: { code: 1008, reason: "The watcher may no longer see this." },
  failed: { code: 1011, reason: "The stream failed; connect again." },
  full: { code: 1013, reason: "Too many watchers; connect again later." },
} as const
export type Close = (typeof closes)[keyof typeof closes]

export function socketText(event: StreamEvent): string {
  return encode(event)
}

export function serverSentText(event: StreamEvent): string {
  const data = event.type === "ping" ? "" : `data: ${encode(event.data)}\n`
  return `event: ${event.type}\n${data}\n`
}

/** Compact JSON on one line, escaped as every other body is (api.md 0.1). */
export function encode(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escapeChar)
}

function escapeChar(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
}
