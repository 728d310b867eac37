// The facts about a user that explain why a change was refused.
//
// They are read in the transaction of the change, before it.
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
 * True if the caller may do this to `users u`. Acting on the holder of a role takes the right to
 * give that role: otherwise a user admin could become an owner by setting an owner's password.
 */
export const mayUser = (action: Action) =>
  sql`(${may(action, "user", { id: sql`u.id`, owner: sql`u.id` })} and not u.is_system
    and not u.deleted
    and (u.id = ${actorId} or ${mayGiveSiteRoles(sql`u.site_roles`)}))`

export const userTarget = (user: string, action: Action) =>
  statement<UserTarget>(
    "users.target",
    sql`select u.id, u.username, u.status, u.login_type, u.site_roles, u.id = ${actorId} as is_self,
        ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })} as can_read, ${mayUser(action)}
          as is_allowed
      from users u where u.id = ${userIdOf(user)} and not u.is_system`,
  )

/**
 * The target, or a 404 if the caller may not read it. `requireAllowed` checks the change itself.
 */
export function requireUserTarget([target]: UserTarget[]): UserTarget {
  if (target === undefined || !(target.can_read || target.is_allowed)) throw notFound()
  return target
}

export function requireAllowed(target: UserTarget): void {
  if (!target.is_allowed) throw forbidden()
}
