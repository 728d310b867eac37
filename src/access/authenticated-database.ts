// The database behind a presented credential.
//
// The statement that proves the credential comes first in each transaction. A request therefore
// costs one round trip, and nothing runs for a caller whose credential is invalid.
import { DatabaseUnavailable, StatementFailed } from "../platform/db/errors.ts"
import type { Database, Statement } from "../platform/db/client.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { Actor } from "./actors.ts"
import { signedOut, unauthenticated } from "./challenge.ts"

type RowsOf<S> = { [K in keyof S]: S[K] extends Statement<infer Row> ? Row[] : never }

export type AuthenticatedDatabase<A extends Actor> = {
  /** Runs one statement behind the proof, in one transaction and one round trip. Throws its 401. */
  query<Row>(statement: Statement<Row>): Promise<Row[]>
  batch<const S extends readonly Statement<unknown>[]>(statements: S): Promise<RowsOf<S>>
  /** The verified actor. Asks the database only if no statement has run yet. */
  actor(): Promise<A>
}

/** `proof` is the statement that proves the credential or raises, or the 401 of a malformed one. */
export function authenticatedDatabase<A extends Actor>(
  db: Database,
  proof: Statement<{ actor: A }> | ApiError,
  onProven?: (actor: A) => void,
): AuthenticatedDatabase<A> {
  let known: A | undefined

  const batch = async <const S extends readonly Statement<unknown>[]>(statements: S) => {
    if (proof instanceof ApiError) throw proof
    try {
      const [proven, ...rows] = (await db.batch([proof, ...statements])) as unknown as [
        { actor: A }[],
        ...unknown[][],
      ]
      known = proven[0]?.actor
      if (known !== undefined) onProven?.(known)
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

// The authenticate_* functions raise DM401. Every other failure belongs to the statement itself.
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
