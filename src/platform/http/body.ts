// Request bodies: bounded before they are parsed, and JSON whatever they call themselves (api.md 0.1: a client that sends
// no content type is understood).
import type { MiddlewareHandler } from "hono"
import type { AppEnv } from "./env.ts"
import { ApiError, badRequest } from "./errors.ts"

/** Bytes of a JSON body. Uploads have their own bound. */
const jsonBytesMax = 4 * 1024 * 1024

/** Of a body that may hold a build's state, which base64 makes a third longer, beside what else it says. */
const stateBytesMax = 12 * 1024 * 1024

const hasBody = new Set(["POST", "PUT", "PATCH", "DELETE"])

/** Reads a JSON body up to the bound, so that a route's validator sees JSON or the error that says why not. */
export const jsonBody = (
  isRaw: (path: string) => boolean,
  mayHoldState: (path: string) => boolean,
): MiddlewareHandler<AppEnv> => {
  return async (c, next) => {
    if (!hasBody.has(c.req.method) || isRaw(c.req.path) || c.req.raw.body === null) return next()
    const text = await readText(c.req.raw, mayHoldState(c.req.path) ? stateBytesMax : jsonBytesMax)
    if (text.trim() === "") {
      const headers = new Headers(c.req.raw.headers)
      headers.delete("Content-Type")
      c.req.raw = new Request(c.req.raw.url, { method: c.req.method, headers })
      return next()
    }
    const headers = new Headers(c.req.raw.headers)
    headers.set("Content-Type", "application/json")
    c.req.raw = new Request(c.req.raw.url, { method: c.req.method, headers, body: text })
    return next()
  }
}

async function readText(request: Request, bytesMax: number): Promise<string> {
  if (Number(request.headers.get("Content-Length") ?? 0) > bytesMax) throw tooLarge()
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw tooLarge()
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const tooLarge = () => new ApiError(413, "Request body too large.")

/** What the framework says of a body that it could not parse, in the API's words. */
export function malformedBody(text: string): ApiError {
  return badRequest("Request body must be valid JSON.", { detail: text })
}

/** For routes whose every field is optional: a body that is missing is still an error (api.md 0.1). */
export const requireBody: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (!c.req.header("Content-Type")?.includes("json")) throw malformedBody("EOF")
  return next()
}
