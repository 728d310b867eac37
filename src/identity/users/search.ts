// The search language of users and of members.
import { sql, type SQL } from "drizzle-orm"
import { escapeLike, texts } from "../../platform/db/sql.ts"
import { badRequest } from "../../platform/http/errors.ts"
import {
  createSearchReader,
  stripQuotes,
  tokenizeSearch,
} from "../../platform/http/search-query.ts"

const statuses = ["active", "dormant", "suspended"]
const loginTypes = ["password", "github", "oidc", "token", "none"]

/** The conditions of `q` on `users u`. Throws a 400 that names everything wrong with it. */
export function userConditions(query: string): SQL[] {
  const { terms, issue } = tokenizeSearch(query, (text) => [
    { key: "search", value: stripQuotes(text) },
  ])
  if (issue !== null) throw invalid([issue])
  const reader = createSearchReader(terms)
  const oneOf = (key: string, options: string[]) => {
    const found = reader.list(key)
    const wrong = found.filter((value) => !options.includes(value))
    if (wrong.length > 0) {
      const values = wrong.map((value) => JSON.stringify(value)).join(", ")
      const valid = options.join(", ")
      reader.report(key, `has invalid values: ${values} is not a valid value of ${valid}`)
    }
    return found.length > 0 ? found : undefined
  }
  const conditions = [
    when(reader.text("search"), (text) => {
      const pattern = `%${escapeLike(text)}%`
      return sql`(lower(u.username) like ${pattern} or lower(u.email) like ${pattern}
        or lower(u.name) like ${pattern})`
    }),
    when(reader.text("name"), (text) => sql`lower(u.name) like ${`%${escapeLike(text)}%`}`),
    when(oneOf("status", statuses), (found) => sql`u.status = any (${texts(found)})`),
    when(oneOf("login_type", loginTypes), (found) => sql`u.login_type = any (${texts(found)})`),
    when(nonEmpty(reader.list("role")), (roles) =>
      roles.includes("member") ? sql`true` : sql`u.site_roles && ${texts(roles)}`,
    ),
    when(reader.boolean("service_account"), (is) => sql`u.is_service_account = ${is}::boolean`),
    when(reader.time("last_seen_before"), (at) => sql`u.last_seen_at <= ${at}::timestamptz`),
    when(reader.time("last_seen_after"), (at) => sql`u.last_seen_at >= ${at}::timestamptz`),
    when(reader.time("created_before"), (at) => sql`u.created_at <= ${at}::timestamptz`),
    when(reader.time("created_after"), (at) => sql`u.created_at >= ${at}::timestamptz`),
    // Nobody signs in by GitHub here.
    when(reader.text("github_com_user_id"), () => sql`false`),
  ]
  const issues = reader.finish()
  if (issues.length > 0) throw invalid(issues)
  return conditions.filter((condition) => condition !== undefined)
}

const invalid = (validations: { field: string; detail: string }[]) =>
  badRequest("Invalid user search query.", { validations })

const nonEmpty = (values: string[]) => (values.length > 0 ? values : undefined)

function when<Value>(value: Value | undefined, condition: (value: Value) => SQL): SQL | undefined {
  return value === undefined ? undefined : condition(value)
}
