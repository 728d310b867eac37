// The frames of a watcher: the envelope of one-way streams, its two encodings, and the close codes.
import { eventText } from "../platform/http/event-stream.ts"
import { wireJson } from "../platform/http/json.ts"

export type StreamEvent =
  | { type: "ping" }
  | { type: "data"; data: unknown }
  | { type: "error"; data: unknown }

/**
 * How a stream ends. Clients stop for good on 1000 and 1001 and give up on 1002. After any other
 * code they connect again, and the handshake's status explains the reason (401, 404). So a lost
 * right closes with 1008, never with 1000.
 */
export const closes = {
  done: { code: 1000, reason: "done" },
  clientSpoke: { code: 1002, reason: "Clients cannot send messages for one-way WebSockets" },
  notAllowed: { code: 1008, reason: "The watcher may no longer see this." },
  failed: { code: 1011, reason: "The stream failed; connect again." },
  full: { code: 1013, reason: "Too many watchers; connect again later." },
} as const
export type Close = (typeof closes)[keyof typeof closes]

/** Compact JSON on one line, escaped as every other body is. */
export function frameText(value: unknown): string {
  return wireJson(value).trimEnd()
}

export function serverSentText(event: StreamEvent): string {
  return event.type === "ping" ? eventText("ping") : eventText(event.type, event.data)
}
