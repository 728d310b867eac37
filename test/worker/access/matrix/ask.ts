// Sends one request for a place and closes a socket or stream at once.
import { fetchWorker } from "../../harness.ts"
import type { Operation, RouteRequest } from "./requests.ts"

export async function ask(
  operation: Operation,
  request: RouteRequest,
  headers: Record<string, string>,
) {
  const response = await fetchWorker(request.url, {
    method: operation.method,
    ...(request.body === undefined ? {} : { body: request.body }),
    headers: { ...request.headers, ...headers },
  })
  if (response.webSocket) {
    response.webSocket.accept()
    response.webSocket.close(1000)
  }
  if (response.status < 400) await response.body?.cancel()
  return { status: response.status, text: response.status < 400 ? "" : await response.text() }
}
