// Statements that change users.
//
// Each checks its own permission and preconditions. If one returns no row, target.ts explains why.
import { sql, type SQL } from "drizzle-orm"
import { mayGiveSiteRoles } from "../../access/assignable.ts"
import { organizationIdOf, userIdOf } from "../../access/lookup.ts"
import { actorId, may } from "../../access/may.ts"
import { auditDiff, type AuditedField } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { texts } from "../../platform/db/sql.ts"
import { mayUser } from "./target.ts"
import { userColumns, type UserRow } from "./view.ts"

export type NewUser = {
  id: string
  email: string
  username: string
  name: string
  hashedPassword: string
  loginType: string
  status: string
  isServiceAccount: boolean
  roles: string[]
  /** Ids, names or `default`. */
  organizations: string[]
}

/** One row for each name: the id of the organization, or null. */
const named = (names: string[]) =>
  sql`(values ${sql.join(
    names.map((name) => sql`(${organizationIdOf(name)})`),
    sql`, `,
  )}) named (id)`

const organizationsOf = (names: string[]) =>
  sql`((select array_agg(distinct named.id) from ${named(names)}
    where named.id is not null)::uuid[])`

export type NewUserFacts = {
  can_create: boolean
  can_give_roles: boolean
  /** Every named organization exists and the caller may read it. */
  are_found: boolean
  are_joinable: boolean
}

/** The facts that explain why a user was not created. */
export const newUserFacts = ({ organizations, roles }: NewUser) =>
  statement<NewUserFacts>(
    "users.new-facts",
    sql`select ${may("create", "user")} as can_create, ${canGive(roles)} as can_give_roles,
        ${everyOrganization(organizations, mayReadOrganization)} as are_found,
        ${everyOrganization(organizations, mayJoin)} as are_joinable`,
  )

const everyOrganization = (names: string[], condition: SQL) =>
  sql`not exists (select 1 from ${named(names)} left join organizations o on o.id = named.id
    where o.id is null or not (${condition}) is true)`

const mayReadOrganization = may("read", "organization", { organization: sql`o.id` })
const mayJoin = may("create", "organization_member", { organization: sql`o.id` })
const canGive = (roles: string[]) =>
  roles.length === 0
    ? sql`true`
    : sql`(${may("assign", "assign_role")} and ${mayGiveSiteRoles(texts(roles))})`

/** Creates a user with their memberships, or nothing. A repeated call violates the unique name. */
export function createUser(user: NewUser, request: AuditRequest) {
  const now = sql`${request.now}::timestamptz`
  return statement<UserRow>(
    "users.create",
    sql`with joined as materialized (
        select o.id from organizations o where o.id = any (${organizationsOf(user.organizations)})
      ), made as (
        insert into users (id, email, username, name, hashed_password, status, login_type,
          site_roles, is_service_account,
          created_at, updated_at)
        select ${user.id}::uuid, ${user.email}, ${user.username}, ${user.name},
          ${user.hashedPassword}, ${user.status},
          ${user.loginType}, ${texts(user.roles)}, ${user.isServiceAccount}::boolean, ${now}, ${now}
        where ${may("create", "user")} and ${canGive(user.roles)}
          and ${everyOrganization(user.organizations, mayJoin)}
        returning *
      ), members as (
        insert into organization_members (user_id, organization_id, created_at, updated_at)
        select made.id, joined.id, ${now}, ${now} from made, joined returning organization_id
      ), audited as (${auditInsert(
        request,
        {
          resourceType: "user",
          resourceId: sql`made.id`,
          resourceTarget: sql`made.username`,
          action: "create",
          statusCode: 201,
          diff: auditDiff({
            username: { new: sql`made.username` },
            email: { new: sql`made.email` },
            name: { new: sql`made.name` },
            status: { new: sql`made.status` },
            login_type: { new: sql`made.login_type` },
            rbac_roles: { new: sql`made.site_roles` },
            hashed_password: { new: sql`made.hashed_password`, isSecret: true },
          }),
        },
        sql`made`,
      )})
      select u.id, u.username, u.name, u.avatar_url, u.email, u.created_at, u.updated_at,
        u.last_seen_at, u.status, u.login_type,
        u.is_service_account, u.site_roles, (select array_agg(organization_id)
        from members) as organization_ids from made u`,
  )
}

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

/** Sets another user's site roles. The caller must be allowed to give each role given or taken. */
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
