// The answer that is a stream of server-sent events: kept by nobody on the way, and buffered by no proxy.
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
