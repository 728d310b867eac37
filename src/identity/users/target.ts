// The user that a change is meant for: what must be known to say why it was refused. Read in the same transaction, before it.
import { sql } from "drizzle-orm"
import { mayGiveSiteRoles } from "../../access/assignable.ts"
import { userIdOf } from "../../access/lookup.ts"
import { actorId, may } from "../../access/may.ts"
import type { Action } from "../../access/permissions.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type { users } from "../../platform/db/schema/identity.ts"
import { statement } from "../../platform/db/client.ts"
import { forbidden, notFound } from "../../platform/http/errors.ts"

export type UserTarget = Pick<
  RowOf<typeof users>,
  "id" | "username" | "status" | "login_type" | "site_roles"
> & {
  is_self: boolean
  can_read: boolean
  is_allowed: boolean
}

/**
 * True where the caller may do this to `users u`. To act on someone with a role takes those who could give it: otherwise
 * setting an owner's password would be a way to become one.
 */
export const mayUser = (action: Action) =>
  sql`(${may(action, "user", { id: sql`u.id`, owner: sql`u.id` })} and not u.is_system and not u.deleted
    and (u.id = ${actorId} or ${mayGiveSiteRoles(sql`u.site_roles`)}))`

export const userTarget = (user: string, action: Action) =>
  statement<UserTarget>(
    "users.target",
    sql`select u.id, u.username, u.status, u.login_type, u.site_roles, u.id = ${actorId} as is_self,
        ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })} as can_read, ${mayUser(action)} as is_allowed
      from users u where u.id = ${userIdOf(user)} and not u.is_system`,
  )

/** The target, or the 404 of what may not be read. Whether the change is allowed is asked with `requireAllowed`. */
export function requireUserTarget([target]: UserTarget[]): UserTarget {
  if (target === undefined || !(target.can_read || target.is_allowed)) throw notFound()
  return target
}

export function requireAllowed(target: UserTarget): void {
  if (!target.is_allowed) throw forbidden()
}
