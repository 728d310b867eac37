// Request bodies: bounded before they are parsed, and read as JSON whatever their content type.
import type { Context, MiddlewareHandler } from "hono"
import { bodyLimit } from "hono/body-limit"
import type { AppEnv } from "./env.ts"
import { ApiError, badRequest } from "./errors.ts"

/** Bytes of a JSON body. Uploads have their own bound. */
const jsonBytesMax = 4 * 1024 * 1024

/** Bytes of a body that may hold a build's state, which base64 makes a third longer. */
const stateBytesMax = 12 * 1024 * 1024

const hasBody = new Set(["POST", "PUT", "PATCH", "DELETE"])

const tooLarge = () => {
  throw new ApiError(413, "Request body too large.")
}

/**
 * Bounds a JSON body and passes it on as JSON, so that a route's validator sees JSON or the error
 * that says why not. A client that sends no content type is understood.
 */
export function jsonBody(
  isRaw: (path: string) => boolean,
  mayHoldState: (path: string) => boolean,
): MiddlewareHandler<AppEnv> {
  const limitJson = bodyLimit({ maxSize: jsonBytesMax, onError: tooLarge })
  const limitState = bodyLimit({ maxSize: stateBytesMax, onError: tooLarge })
  return async (c, next) => {
    if (!hasBody.has(c.req.method) || isRaw(c.req.path) || c.req.raw.body === null) return next()
    const limit = mayHoldState(c.req.path) ? limitState : limitJson
    const text = await readText(c, limit)
    const headers = new Headers(c.req.raw.headers)
    const isEmpty = text.trim() === ""
    if (isEmpty) headers.delete("Content-Type")
    else headers.set("Content-Type", "application/json")
    const { url, method } = c.req.raw
    c.req.raw = new Request(url, { method, headers, ...(!isEmpty && { body: text }) })
    return next()
  }
}

/** Reads the body within the limit. A body that breaks off is the client's fault: 400. */
async function readText(c: Context<AppEnv>, limit: MiddlewareHandler): Promise<string> {
  try {
    let text = ""
    await limit(c, async () => {
      text = await c.req.raw.text()
    })
    return text
  } catch (error) {
    throw error instanceof ApiError ? error : malformedBody("unexpected EOF")
  }
}

/** The answer to a body that the framework could not parse. */
export function malformedBody(text: string): ApiError {
  return badRequest("Request body must be valid JSON.", { detail: text })
}

/** For routes whose every field is optional: a body that is missing is still an error. */
export const requireBody: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (!c.req.header("Content-Type")?.includes("json")) throw malformedBody("EOF")
  return next()
}
