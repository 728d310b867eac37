// What a client and the log are shown of an error.
import { HTTPException } from "hono/http-exception"
import { DatabaseMisconfigured, DatabaseUnavailable, StatementFailed } from "../db/errors.ts"
import { malformedBody } from "./body.ts"
import { ApiError, badRequest } from "./errors.ts"

// Faults that only a value from the request can cause: a text with a NUL, an instant that the
// calendar does not have, a number beyond its column.
const unstorable = new Set(["22003", "22007", "22008", "22009", "22021", "22P02", "22P05"])

// Deadlock, serialization failure, lock not available: rolled back, and worth another try.
const isContended = (error: unknown) =>
  error instanceof StatementFailed && ["40001", "40P01", "55P03"].includes(error.code)

type Asked = { method: string; path: string }

// A second of these makes a second thing: a session, a token without a name, a version, a job, a
// line of a log. Every other write names what it makes or says what shall be, so that a second one
// changes nothing or is refused as a conflict.
const happensTwice = [
  /^POST .*\/users\/(login|[^/]+\/keys(\/tokens)?)$/,
  /^POST .*\/(templateversions|dry-run)$/,
  /^PATCH .*\/workspaceagents\/me\/logs$/,
]

/** What a client should do about a request whose answer from the database never came. */
function outcomeOf({ method, path }: Asked): string | undefined {
  if (method === "GET" || method === "HEAD") return undefined
  return happensTwice.some((pattern) => pattern.test(`${method} ${path}`))
    ? "The outcome is unknown: the request may have been done, and a second one does it again."
    : "The outcome is unknown: the request may have been done. It is safe to repeat."
}

export function toApiError(error: unknown, request: Asked): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof DatabaseMisconfigured) return new ApiError(503, error.message)
  if (error instanceof DatabaseUnavailable || isContended(error)) {
    const isUndone = !(error instanceof DatabaseUnavailable) || error.isUndone
    return new ApiError(
      503,
      "The database is not available. Please try again in a moment.",
      { detail: isUndone ? undefined : outcomeOf(request) },
      { "Retry-After": "5" },
    )
  }
  if (error instanceof StatementFailed && unstorable.has(error.code)) {
    return badRequest("The request holds a value that cannot be stored.", {
      detail: "A text may hold no NUL, and a time must be one that the calendar has.",
    })
  }
  if (error instanceof HTTPException && error.status === 400) return malformedBody(error.message)
  return new ApiError(500, "An internal server error occurred.")
}

/** What the log may say of an error: our own sentences, never a driver's. */
export function describeError(error: unknown): Record<string, unknown> {
  if (error instanceof StatementFailed || error instanceof DatabaseUnavailable) {
    return { message: error.message, statement: error.statement, code: error.code }
  }
  return error instanceof Error
    ? { message: error.message, stack: error.stack }
    : { message: String(error) }
}
