// The credential of a workspace agent: a UUID, accepted on agent routes only.
//
// It is read from the same places as a person's token.
import { sql } from "drizzle-orm"
import type { Context } from "hono"
import { statement, type Database } from "../platform/db/client.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { AgentActor } from "./actors.ts"
import { presentedToken, sessionCookie } from "./caller.ts"
import { sha256 } from "../platform/hash.ts"
import { type AuthenticatedDatabase, authenticatedDatabase } from "./authenticated-database.ts"
import { unauthenticated } from "./challenge.ts"

const tokenPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** The stored digest of the token, or a 401 that names what is wrong with its shape. */
export async function presentedAgentHash(c: Context<AppEnv>): Promise<Uint8Array | ApiError> {
  const token = presentedToken(c)
  if (token === undefined) return unauthenticated(`Cookie "${sessionCookie}" must be provided.`)
  if (!tokenPattern.test(token)) {
    return unauthenticated(
      "Workspace agent token invalid.",
      `An agent token must be a valid UUIDv4. (len ${token.length})`,
    )
  }
  return sha256(token.toLowerCase())
}

/** The 401 of a well-formed token that is not valid here. `authenticate_agent` raises the same. */
export const agentUnauthorized = () =>
  unauthenticated(
    "Workspace agent not authorized.",
    "The agent cannot authenticate until the workspace provision job has been completed. If the job is no longer running, this agent is invalid.",
  )

/** The agent of a request. Costs nothing until its first statement. */
export async function openAgent(
  c: Context<AppEnv>,
  db: Database,
): Promise<AuthenticatedDatabase<AgentActor>> {
  const hash = await presentedAgentHash(c)
  return hash instanceof ApiError
    ? authenticatedDatabase<AgentActor>(db, hash)
    : openAgentByHash(db, hash)
}

/** The same for a caller that has the digest of the token instead of the request. */
export function openAgentByHash(db: Database, hash: Uint8Array): AuthenticatedDatabase<AgentActor> {
  return authenticatedDatabase<AgentActor>(
    db,
    statement<{ actor: AgentActor }>(
      "authenticate-agent",
      sql`select authenticate_agent(${hash}::bytea) as actor`,
    ),
  )
}
