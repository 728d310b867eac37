// The facts about a user that explain why a change was refused.
//
// They are read in the transaction of the change, before it.
import { sql } from "drizzle-orm"
import { mayGiveOrganizationRoles, mayGiveSiteRoles } from "../../access/assignable.ts"
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

const memberRoles = sql`(m.roles || o.default_org_member_roles)`

/** True if the caller may give every role of `users u`, in the site and in organizations. */
const mayGiveRoles = sql`(${mayGiveSiteRoles(sql`u.site_roles`)} and not exists (
    select 1 from organization_members m join organizations o on o.id = m.organization_id
    where m.user_id = u.id and not o.deleted
      and not ${mayGiveOrganizationRoles(memberRoles, sql`o.id`)}))`

/**
 * True if the caller may do this to `users u`.
 *
 * Acting on the holder of a role takes the right to give that role. Otherwise a user admin could
 * become an owner, or the admin of an organization, by setting the password of one.
 */
export const mayUser = (action: Action) =>
  sql`(${may(action, "user", { id: sql`u.id`, owner: sql`u.id` })}
    and not u.is_system and not u.deleted and (u.id = ${actorId} or ${mayGiveRoles}))`

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
