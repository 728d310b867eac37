// Statements that change users.
//
// Each checks its own permission and preconditions. If one returns no row, target.ts explains why.
import { sql, type SQL } from "drizzle-orm"
import { mayGiveSiteRoles } from "../../access/assignable.ts"
import { userIdOf } from "../../access/lookup.ts"
import { actorId, may } from "../../access/may.ts"
import { auditDiff, type AuditedField } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { texts } from "../../platform/db/sql.ts"
import { ownerTokenSecondsMax } from "../sessions/key-statements.ts"
import { mayUser } from "./target.ts"
import { userColumns, type UserRow } from "./view.ts"

/** True if the caller may give these site roles. */
export const canGive = (roles: string[]) =>
  roles.length === 0
    ? sql`true`
    : sql`(${may("assign", "assign_role")} and ${mayGiveSiteRoles(texts(roles))})`

type Change = {
  name: string
  user: string
  permission: SQL
  precondition?: SQL
  set: SQL
  /** Column by column, over `before` and `after`. */
  audited: Record<string, { isSecret?: boolean }>
  also?: SQL
}

/** Updates one user and audits the difference. Conditions name the row `u`. */
function changeUser(change: Change, request: AuditRequest) {
  const fields = Object.fromEntries(
    Object.entries(change.audited).map(([column, { isSecret = false }]): [string, AuditedField] => [
      column === "site_roles" ? "rbac_roles" : column,
      {
        old: sql`before.${sql.identifier(column)}`,
        new: sql`after.${sql.identifier(column)}`,
        isSecret,
      },
    ]),
  )
  return statement<UserRow>(
    change.name,
    sql`with before as materialized (
        select u.* from users u
        where u.id = ${userIdOf(change.user)} and ${change.permission}
          and ${change.precondition ?? sql`true`}
        for no key update
      ), after as (
        update users u set ${change.set}, updated_at = ${request.now}::timestamptz from before
        where u.id = before.id returning u.*
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "user",
          resourceId: sql`after.id`,
          resourceTarget: sql`after.username`,
          action: "write",
          diff: auditDiff(fields),
        },
        sql`after join before on before.id = after.id`,
      )})${change.also ?? sql``}
      select ${userColumns} from after u`,
  )
}

export type Profile = { username: string; name: string; avatar_url: string | undefined }

export const updateProfile = (user: string, profile: Profile, request: AuditRequest) =>
  changeUser(
    {
      name: "users.update-profile",
      user,
      permission: mayUser("update_personal"),
      set: sql`username = ${profile.username}, name = ${profile.name},
        avatar_url = coalesce(${profile.avatar_url ?? null}::text, u.avatar_url)`,
      audited: { username: {}, name: {}, avatar_url: {} },
    },
    request,
  )

/** Never suspends an owner or the caller. */
export const updateStatus = (user: string, status: "active" | "suspended", request: AuditRequest) =>
  changeUser(
    {
      name: "users.update-status",
      user,
      permission: mayUser("update"),
      precondition:
        status === "active"
          ? sql`true`
          : sql`u.id <> ${actorId} and not 'owner' = any (u.site_roles)`,
      set: sql`status = ${status}`,
      audited: { status: {} },
    },
    request,
  )

/**
 * Locks the rows of all owners, for an owner who is about to change or delete another.
 *
 * Of two owners who act on each other, the second waits here. The next statement of their
 * transaction then sees that they are no longer an owner, so one owner always remains.
 */
export const holdOwners = statement<{ id: string }>(
  "users.hold-owners",
  sql`select u.id from users u
    where 'owner' = any (u.site_roles) and not u.deleted
      and (select actor_has_site_role(array['owner']))
    order by u.id for no key update`,
)

/** True if the caller still holds the site roles that they were authenticated with. */
const isStillAuthorized = sql`exists (select 1 from users me
  where me.id = ${actorId} and not me.deleted
    and to_jsonb(me.site_roles || 'member'::text) @> (select actor() -> 'roles'))`

/**
 * Sets another user's site roles. The caller must be allowed to give each role given or taken.
 *
 * The tokens of a new owner end when those of an owner do, also if they were created before.
 */
export const updateRoles = (user: string, roles: string[], request: AuditRequest) =>
  changeUser(
    {
      name: "users.update-roles",
      user,
      permission: mayAssign,
      precondition: sql`${canGive(roles)} and ${isStillAuthorized}
        and not (u.status = 'suspended' and 'owner' = any (${texts(roles)}))`,
      set: sql`site_roles = ${texts(roles)}`,
      audited: { site_roles: {} },
      also: sql`, bounded as (
        update api_keys k set expires_at = k.created_at
            + make_interval(secs => ${ownerTokenSecondsMax}::int),
          updated_at = ${request.now}::timestamptz
        from after where k.user_id = after.id and k.login_type = 'token'
          and 'owner' = any (after.site_roles)
          and k.expires_at > k.created_at + make_interval(secs => ${ownerTokenSecondsMax}::int))`,
    },
    request,
  )

/**
 * True if the caller may change the roles of `u`: never one's own, never roles they may not give.
 */
export const mayAssign = sql`(${may("assign", "assign_role")} and u.id <> ${actorId}
  and not u.is_system and not u.deleted
  and ${mayGiveSiteRoles(sql`u.site_roles`)})`

/** Sets a password and ends every session of the user if the checked password is still theirs. */
export const updatePassword = (
  user: string,
  hashedPassword: string,
  checked: string,
  request: AuditRequest,
) =>
  changeUser(
    {
      name: "users.update-password",
      user,
      permission: mayUser("update_personal"),
      precondition: sql`u.hashed_password = ${checked} and u.login_type = 'password'`,
      set: sql`hashed_password = ${hashedPassword}`,
      audited: { hashed_password: { isSecret: true } },
      also: sql`, ended as (delete from api_keys k using after where k.user_id = after.id)`,
    },
    request,
  )

export const updateQuietHours = (user: string, schedule: string, request: AuditRequest) =>
  changeUser(
    {
      name: "users.update-quiet-hours",
      user,
      permission: mayUser("update_personal"),
      set: sql`quiet_hours_schedule = ${schedule}`,
      audited: { quiet_hours_schedule: {} },
    },
    request,
  )

/**
 * Locks the user's row: the foreign key of a new workspace waits until this transaction ends. The
 * next statement of the transaction therefore sees every workspace of the user.
 */
export const holdUser = (user: string) =>
  statement<{ has_workspaces: boolean }>(
    "users.hold",
    sql`with held as materialized (select u.id from users u where u.id = ${userIdOf(user)}
      and ${mayUser("delete")} for update)
      select exists (select 1 from workspaces w join held on held.id = w.owner_id
      where not w.deleted) as has_workspaces`,
  )

/**
 * Deletes a user without workspaces, with keys and memberships. The row stays for the audit trail.
 */
export const deleteUser = (user: string, request: AuditRequest) =>
  statement<{ id: string }>(
    "users.delete",
    sql`with gone as (
        update users u set deleted = true, updated_at = ${request.now}::timestamptz
        where u.id = ${userIdOf(user)} and u.id <> ${actorId} and ${mayUser("delete")}
          and ${isStillAuthorized}
          and not exists (select 1 from workspaces w where w.owner_id = u.id and not w.deleted)
        returning u.id, u.username
      ), keys as (delete from api_keys k using gone where k.user_id = gone.id
      ), members as (delete from organization_members m using gone where m.user_id = gone.id
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "user",
          resourceId: sql`gone.id`,
          resourceTarget: sql`gone.username`,
          action: "delete",
          diff: auditDiff({ deleted: { old: sql`false`, new: sql`true` } }),
        },
        sql`gone`,
      )})
      select id from gone`,
  )
