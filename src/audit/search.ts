// The search language of the audit trail, as conditions on `audit_logs a`.
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf } from "../access/lookup.ts"
import { actorId } from "../access/may.ts"
import { badRequest } from "../platform/http/errors.ts"
import { parseTime } from "../platform/http/instants.ts"
import { createSearchReader, stripQuotes, tokenizeSearch } from "../platform/http/search-query.ts"
import { verbs } from "./description.ts"

/** The conditions of `q`. Throws a 400 that names everything wrong with it. */
export function auditConditions(query: string): SQL[] {
  const { terms, issue } = tokenizeSearch(query, (text) => [
    { key: "resource_type", value: stripQuotes(text) },
  ])
  if (issue !== null) throw invalid([issue])
  const reader = createSearchReader(terms)
  const date = (key: string): Date | undefined => {
    const text = reader.text(key)
    if (text === undefined) return undefined
    const at = parseTime(`${text}T00:00:00Z`)
    if (at !== null) return at
    return reader.report(key, `must be a valid date format (YYYY-MM-DD): ${JSON.stringify(text)}`)
  }
  const conditions = [
    when(reader.text("resource_type"), (text) => sql`a.resource_type = ${text}`),
    when(reader.uuid("resource_id"), (id) => sql`a.resource_id = ${id}::uuid`),
    when(reader.text("resource_target"), (text) => sql`lower(a.resource_target) = ${text}`),
    when(reader.oneOf("action", Object.keys(verbs)), (text) => sql`a.action = ${text}`),
    when(reader.text("username"), (name) =>
      name === "me"
        ? sql`a.user_id = ${actorId}`
        : sql`a.user_id in (select u.id from users u where lower(u.username) = ${name})`,
    ),
    when(
      reader.text("email"),
      (email) => sql`a.user_id in (select u.id from users u where lower(u.email) = ${email})`,
    ),
    when(date("date_from"), (at) => sql`a.time >= ${at}::timestamptz`),
    when(date("date_to"), (at) => sql`a.time < ${at}::timestamptz + interval '1 day'`),
    when(
      reader.text("build_reason"),
      (text) => sql`a.additional_fields ->> 'build_reason' = ${text}`,
    ),
    when(reader.text("organization"), (name) => sql`a.organization_id = ${organizationIdOf(name)}`),
    when(reader.text("request_id"), (id) => sql`lower(a.request_id) = ${id}`),
  ]
  const issues = reader.finish()
  if (issues.length > 0) throw invalid(issues)
  return conditions.filter((condition) => condition !== undefined)
}

const invalid = (validations: { field: string; detail: string }[]) =>
  badRequest("Invalid audit search query.", { validations })

function when<Value>(value: Value | undefined, condition: (value: Value) => SQL): SQL | undefined {
  return value === undefined ? undefined : condition(value)
}
