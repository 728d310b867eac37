// Users and organizations named by a path or a search, as SQL.
//
// A name is an id, a name in any case, or a keyword such as `me` and `default`.
import { sql, type SQL } from "drizzle-orm"
import { nilUuid } from "../platform/http/wire.ts"

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/**
 * The id of a user who is not deleted: `me`, an id or a username. Null if there is no such user.
 *
 * Does not check whether the caller may see the user.
 */
export function userIdOf(user: string): SQL {
  if (user.toLowerCase() === "me") return sql`(select actor_id())`
  const isIt = uuidPattern.test(user)
    ? sql`u.id = ${user}::uuid`
    : sql`lower(u.username) = lower(${user})`
  return sql`(select u.id from users u where ${isIt} and not u.deleted)`
}

/** The id of an organization: an id, a name, or `default` (the nil uuid means the same). */
export function organizationIdOf(organization: string): SQL {
  const isDefault = organization === nilUuid || organization.toLowerCase() === "default"
  const isIt = isDefault
    ? sql`o.is_default`
    : uuidPattern.test(organization)
      ? sql`o.id = ${organization}::uuid`
      : sql`lower(o.name) = lower(${organization})`
  return sql`(select o.id from organizations o where ${isIt} and not o.deleted)`
}
