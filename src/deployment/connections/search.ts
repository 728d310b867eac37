// The search language of the connection log, as conditions on `workspace_app_stats s`.
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf } from "../../access/lookup.ts"
import { actorId } from "../../access/may.ts"
import { badRequest } from "../../platform/http/errors.ts"
import {
  createSearchReader,
  tokenizeSearch,
  type SearchIssue,
} from "../../platform/http/search-query.ts"

const types = [
  "jetbrains",
  "port_forwarding",
  "reconnecting_pty",
  "ssh",
  "tunnel",
  "vscode",
  "workspace_app",
] as const
type ConnectionType = (typeof types)[number]

/** An application is named by its slug, a forwarded port by its number. */
export const isPort = sql`s.slug_or_port ~ '^[0-9]+$'`

const ofType = (type: ConnectionType): SQL => {
  if (type === "workspace_app") return sql`not (${isPort})`
  return type === "port_forwarding" ? isPort : sql`false`
}

const invalid = (validations: SearchIssue[]) =>
  badRequest("Invalid connection search query.", { validations })

/** The conditions of `q`. Throws a 400 that names everything wrong with it. */
export function connectionConditions(query: string): SQL[] {
  const { terms, issue } = tokenizeSearch(query, (text) => ({
    field: "q",
    detail: `${JSON.stringify(text)} needs a key`,
  }))
  if (issue !== null) throw invalid([issue])
  const reader = createSearchReader(terms)
  const conditions = [
    when(reader.text("organization"), (name) => sql`w.organization_id = ${organizationIdOf(name)}`),
    when(reader.text("workspace_owner"), (name) =>
      name === "me" ? sql`w.owner_id = ${actorId}` : sql`lower(w.owner_name) = ${name}`,
    ),
    when(reader.uuid("workspace_id"), (id) => sql`s.workspace_id = ${id}::uuid`),
    when(reader.uuid("connection_id"), (id) => sql`s.session_id = ${id}::uuid`),
    when(reader.oneOf("type", types), ofType),
    when(reader.text("username"), (name) =>
      name === "me" ? sql`s.user_id = ${actorId}` : sql`lower(u.username) = ${name}`,
    ),
    when(reader.text("user_email"), (email) => sql`lower(u.email) = ${email}`),
    when(reader.time("connected_after"), (at) => sql`s.session_started_at > ${at}::timestamptz`),
    when(reader.time("connected_before"), (at) => sql`s.session_started_at < ${at}::timestamptz`),
    // Only sessions that agents report have an end, and those are not among the web's.
    when(reader.oneOf("status", ["ongoing", "completed"]), () => sql`false`),
  ]
  const issues = reader.finish()
  if (issues.length > 0) throw invalid(issues)
  return conditions.filter((condition) => condition !== undefined)
}

function when<Value>(value: Value | undefined, condition: (value: Value) => SQL): SQL | undefined {
  return value === undefined ? undefined : condition(value)
}
