// Server-sent events: their text, and the response that carries them.
//
// Durable Objects write the frames. `streamSSE` of Hono writes them in a handler, which has none.
import { wireJson } from "./json.ts"

/** One event. The data is JSON on one line; an event without data has no such line. */
export function eventText(name: string, data?: unknown): string {
  return data === undefined ? `event: ${name}\n\n` : `event: ${name}\ndata: ${wireJson(data)}\n`
}

/** The response must not be cached, and no proxy may buffer it. */
export function eventStream(body: ReadableStream | null): Response {
  return new Response(body, {
    headers: {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache",
      Connection: "keep-alive",
      "X-Accel-Buffering": "no",
    },
  })
}
