// The user credential of a request.
//
// It is read from the first of five places, its shape is checked here, and the database proves it.
import { sql } from "drizzle-orm"
import type { Context } from "hono"
import { getCookie } from "hono/cookie"
import { statement, type Database } from "../platform/db/client.ts"
import { sha256 } from "../platform/hash.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { Actor, AgentActor, ProvisionerActor, UserActor } from "./actors.ts"
import { type AuthenticatedDatabase, authenticatedDatabase } from "./authenticated-database.ts"
import { rememberHolder } from "./key-holders.ts"
import { signedOut, unauthenticated } from "./challenge.ts"

export type Caller = AuthenticatedDatabase<UserActor>

declare module "../platform/http/env.ts" {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- augments an interface
  interface RequestVariables {
    /** The presented user credential; its first statement verifies it. */
    caller: Caller
    /** Proves the credential that the route takes, or throws its 401. Nothing on public routes. */
    authenticate: () => Promise<Actor | undefined>
    /** The presented agent token; set on agent routes only. */
    agent: AuthenticatedDatabase<AgentActor>
    /** The presented provisioner key; set on daemon routes only. */
    provisioner: AuthenticatedDatabase<ProvisionerActor>
  }
}

export const sessionCookie = "coder_session_token"

/** The presented token: cookie, query, header, bearer or `access_token`, the first that is set. */
export function presentedToken(c: Context<AppEnv>): string | undefined {
  const bearer = /^Bearer\s+(.+)$/i.exec(c.req.header("Authorization") ?? "")?.[1]
  return (
    [
      getCookie(c, sessionCookie),
      c.req.query(sessionCookie),
      c.req.header("Coder-Session-Token"),
      bearer,
      c.req.query("access_token"),
    ].find((token) => token !== undefined && token !== "") ?? undefined
  )
}

/** `<id of 10>-<secret of 22>`, or a 401 that names what is wrong with its shape. */
export function parseApiKey(token: string | undefined): { id: string; secret: string } | ApiError {
  if (token === undefined) {
    return unauthenticated(
      signedOut,
      `Cookie "${sessionCookie}" or query parameter must be provided.`,
    )
  }
  const parts = token.split("-")
  const [id = "", secret = ""] = parts
  if (parts.length !== 2) {
    return invalidFormat(`incorrect amount of API key parts, expected 2 got ${parts.length}`)
  }
  if (id.length !== 10)
    return invalidFormat(`invalid API key ID length, expected 10 got ${id.length}`)
  if (secret.length !== 22)
    return invalidFormat(`invalid API key secret length, expected 22 got ${secret.length}`)
  return { id, secret }
}

const invalidFormat = (why: string) => unauthenticated(signedOut, `Invalid API key format: ${why}`)

/** The address of the client as the platform reports it; empty if there is no platform in front. */
export const clientAddress = (c: Context<AppEnv>): string => c.req.header("CF-Connecting-IP") ?? ""

/** The caller of a request. Asks the database with its first statement, not before. */
export async function openCaller(c: Context<AppEnv>, db: Database, now: Date): Promise<Caller> {
  const key = parseApiKey(presentedToken(c))
  if (key instanceof ApiError) return authenticatedDatabase<UserActor>(db, key)
  const hash = await sha256(key.secret)
  const ip = clientAddress(c)
  return authenticatedDatabase<UserActor>(
    db,
    statement<{ actor: UserActor }>(
      "authenticate-user",
      sql`select authenticate_user(${key.id}, ${hash}::bytea, ${now}::timestamptz, ${ip}) as actor`,
    ),
    (actor) => rememberHolder(key.id, actor.id),
  )
}
