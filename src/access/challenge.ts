// The 401 of a missing or invalid credential, and the challenge headers of 401 and 403.
import { ApiError } from "../platform/http/errors.ts"

export const signedOut =
  "You are signed out or your session has expired. Please sign in again to continue."

/** A 401 whose `WWW-Authenticate` header states the reason. */
export function unauthenticated(message: string, detail?: string): ApiError {
  return new ApiError(401, message, { detail }, challenge("invalid_token", detail ?? message))
}

/** The header of a 403 that a token with more scopes might not get. */
export const scopeChallenge = (): Record<string, string> =>
  challenge("insufficient_scope", "The scopes or the allow list of the token do not include this.")

function challenge(error: "invalid_token" | "insufficient_scope", description: string) {
  const quoted = description.replace(/["\\]/g, "'")
  return {
    "WWW-Authenticate": `Bearer realm="coder", error="${error}", error_description="${quoted}"`,
  }
}
