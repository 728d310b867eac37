// A presented credential and the statements behind it. Authentication is the first statement of the same transaction, so
// that a request is one round trip and nothing runs for a caller who could not prove who they are.
import { DatabaseUnavailable, StatementFailed } from "../platform/db/errors.ts"
import type { Database, Statement } from "../platform/db/client.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { Actor } from "./actors.ts"

type RowsOf<S> = { [K in keyof S]: S[K] extends Statement<infer Row> ? Row[] : never }

export type Session<A extends Actor> = {
  /** Runs one statement behind authentication: one transaction, one round trip. Throws the 401 of api.md 0.3. */
  query<Row>(statement: Statement<Row>): Promise<Row[]>
  batch<const S extends readonly Statement<unknown>[]>(statements: S): Promise<RowsOf<S>>
  /** The verified actor; asks the database only when nothing has been asked yet. */
  actor(): Promise<A>
}

/** Opens a session. `authenticate` is the statement that proves the credential or raises; an error if there is none. */
export function openSession<A extends Actor>(
  db: Database,
  authenticate: Statement<{ actor: A }> | ApiError,
): Session<A> {
  let known: A | undefined

  const batch = async <const S extends readonly Statement<unknown>[]>(statements: S) => {
    if (authenticate instanceof ApiError) throw authenticate
    try {
      const [proof, ...rows] = (await db.batch([authenticate, ...statements])) as unknown as [
        { actor: A }[],
        ...unknown[][],
      ]
      known = proof[0]?.actor
      return rows as unknown as RowsOf<S>
    } catch (error) {
      throw error instanceof StatementFailed ? unauthorized(error) : error
    }
  }

  return {
    async query<Row>(statement: Statement<Row>) {
      const [rows] = await batch([statement])
      return rows
    },
    batch,
    async actor() {
      if (known === undefined) await batch([])
      if (known === undefined) throw new DatabaseUnavailable("authenticate", undefined)
      return known
    },
  }
}

export const signedOut =
  "You are signed out or your session has expired. Please sign in again to continue."

/** A 401 with the header that says why (api.md 0.2). */
export function unauthenticated(message: string, detail?: string): ApiError {
  return new ApiError(401, message, { detail }, challenge("invalid_token", detail ?? message))
}

/** The header of a 403 that a wider token would perhaps not have got. */
export const scopeChallenge = (): Record<string, string> =>
  challenge("insufficient_scope", "The scopes or the allow list of the token do not include this.")

function challenge(error: "invalid_token" | "insufficient_scope", description: string) {
  const quoted = description.replace(/["\\]/g, "'")
  return {
    "WWW-Authenticate": `Bearer realm="coder", error="${error}", error_description="${quoted}"`,
  }
}

// DM401 is what the authenticate_* functions raise; every other failure is the statement's own.
function unauthorized(error: StatementFailed): Error {
  if (error.code !== "DM401" || error.raised === undefined) return error
  const { message, hint } = error.raised
  switch (hint) {
    case "message":
      return unauthenticated(message)
    case "agent":
      return unauthenticated("Workspace agent not authorized.", message)
    case "provisioner":
      return unauthenticated("Provisioner key not authorized.", message)
    default:
      return unauthenticated(signedOut, message)
  }
}
