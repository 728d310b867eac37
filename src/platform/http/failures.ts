// What a client and the log are shown of an error.
import { HTTPException } from "hono/http-exception"
import { DatabaseMisconfigured, DatabaseUnavailable, StatementFailed } from "../db/errors.ts"
import { malformedBody } from "./body.ts"
import { ApiError, badRequest } from "./errors.ts"

// Faults that only a value from the request can cause: a text with a NUL, an instant that the
// calendar does not have, a number beyond its column.
const unstorable = new Set(["22003", "22007", "22008", "22009", "22021", "22P02", "22P05"])

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof DatabaseMisconfigured) return new ApiError(503, error.message)
  if (error instanceof DatabaseUnavailable) {
    return new ApiError(
      503,
      "The database is not available. Please try again in a moment.",
      {},
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
