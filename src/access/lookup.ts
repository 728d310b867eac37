// Whom and what a path or a search names, as SQL (api.md 0.7): an id, a name without regard to case, or a word of its own.
import { sql, type SQL } from "drizzle-orm"
import { nilUuid } from "../platform/http/wire.ts"

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** The id of a living user: `me`, an id or a username. Null where there is none; whether the caller may see them is not asked. */
export function userIdOf(user: string): SQL {
  if (user.toLowerCase() === "me") return sql`(select actor_id())`
  const isIt = uuidPattern.test(user)
    ? sql`u.id = ${user}::uuid`
    : sql`lower(u.username) = lower(${user})`
  return sql`(select u.id from users u where ${isIt} and not u.deleted)`
}

/** The id of a living organization: an id, a name, or `default` (the nil uuid means the same). */
export function organizationIdOf(organization: string): SQL {
  const isDefault = organization === nilUuid || organization.toLowerCase() === "default"
  const isIt = isDefault
    ? sql`o.is_default`
    : uuidPattern.test(organization)
      ? sql`o.id = ${organization}::uuid`
      : sql`lower(o.name) = lower(${organization})`
  return sql`(select o.id from organizations o where ${isIt} and not o.deleted)`
}
