// Memberships as rows.
//
// A reader of an organization sees only the members whom they may read.
import { sql, type SQL } from "drizzle-orm"
import { mayGiveOrganizationRoles } from "../../access/assignable.ts"
import { organizationIdOf, userIdOf } from "../../access/lookup.ts"
import { actorId, may } from "../../access/may.ts"
import type { Action } from "../../access/permissions.ts"
import { auditDiff } from "../../audit/diff.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { notFound } from "../../platform/http/errors.ts"
import { statement } from "../../platform/db/client.ts"
import { texts } from "../../platform/db/sql.ts"
import { memberColumns, type MemberRow } from "./member-view.ts"

const mayMember = (action: Action) =>
  may(action, "organization_member", {
    owner: sql`m.user_id`,
    organization: sql`m.organization_id`,
  })

const isOf = (organization: string) => sql`m.organization_id = ${organizationIdOf(organization)}`

export type MemberTarget = {
  organization_id: string
  can_read_organization: boolean
  can_create: boolean
  can_delete: boolean
  can_assign: boolean
  user_id: string | null
  can_read_member: boolean | null
  is_self: boolean | null
  is_member: boolean
}

/** The facts about an organization and a user that explain a refusal. */
export const memberTarget = (organization: string, user: string | null) =>
  statement<MemberTarget>(
    "members.target",
    sql`select o.id as organization_id,
      ${may("read", "organization", { id: sql`o.id`, organization: sql`o.id` })}
        as can_read_organization,
        ${may("create", "organization_member", { organization: sql`o.id` })} as can_create,
        ${may("delete", "organization_member", { organization: sql`o.id` })} as can_delete,
        ${may("assign", "assign_org_role", { organization: sql`o.id` })} as can_assign,
        u.id as user_id, u.id = ${actorId} as is_self, m.user_id is not null as is_member,
        ${may("read", "organization_member", { owner: sql`u.id`, organization: sql`o.id` })}
          as can_read_member
      from organizations o
      left join users u on u.id = ${user === null ? sql`null::uuid` : userIdOf(user)}
        and not u.is_system
      left join organization_members m on m.organization_id = o.id and m.user_id = u.id
      where o.id = ${organizationIdOf(organization)}`,
  )

/** The organization that the caller may read, or the 404. */
export function requireOrganization([target]: MemberTarget[]): MemberTarget {
  if (target === undefined || !target.can_read_organization) throw notFound()
  return target
}

export type MemberPage = {
  conditions: SQL[]
  limit: number
  offset: number
  isSystemIncluded: boolean
}

/** Members by username. `u` is the user in the conditions. */
export function listMembers(organization: string, page: MemberPage) {
  const found = sql.join(
    [
      isOf(organization),
      sql`not u.deleted`,
      sql`(${page.isSystemIncluded}::boolean or not u.is_system)`,
      mayMember("read"),
      ...page.conditions,
    ],
    sql` and `,
  )
  const members = sql`organization_members m join users u on u.id = m.user_id`
  return [
    statement<MemberRow>(
      "members.page",
      sql`select ${memberColumns} from ${members} where ${found} order by lower(u.username)
        limit ${page.limit === 0 ? null : page.limit}::bigint offset ${page.offset}::bigint`,
    ),
    statement<{ count: number }>(
      "members.count",
      sql`select count(*)::int as count from ${members} where ${found}`,
    ),
  ] as const
}

/** Makes a user a member. Returns no row if they are one already. */
export const addMember = (organization: string, user: string, request: AuditRequest) =>
  statement<MemberRow>(
    "members.add",
    sql`with added as (
        insert into organization_members (user_id, organization_id, created_at, updated_at)
        select u.id, o.id, ${request.now}::timestamptz, ${request.now}::timestamptz
        from organizations o, users u
        where o.id = ${organizationIdOf(organization)} and u.id = ${userIdOf(user)}
          and not u.is_system
          and ${may("create", "organization_member", { organization: sql`o.id` })}
        on conflict do nothing returning *
      ), audited as (${audit(sql`added m`, "create", request)})
      select ${memberColumns} from added m join users u on u.id = m.user_id`,
  )

/** Ends a membership, but not one's own, nor that of a holder of roles the caller may not give. */
export const removeMember = (organization: string, user: string, request: AuditRequest) =>
  statement<{ user_id: string }>(
    "members.remove",
    sql`with removed as (
        delete from organization_members m where ${isOf(organization)}
          and m.user_id = ${userIdOf(user)} and m.user_id <> ${actorId}
          and ${mayMember("delete")}
          and ${mayGiveOrganizationRoles(sql`m.roles`, sql`m.organization_id`)}
        returning *
      ), audited as (${audit(sql`removed m`, "delete", request)})
      select user_id from removed`,
  )

/** Sets another member's roles. The caller must be allowed to give each role given or taken. */
export const updateMemberRoles = (
  organization: string,
  user: string,
  roles: string[],
  request: AuditRequest,
) =>
  statement<MemberRow>(
    "members.update-roles",
    sql`with before as materialized (
        select m.* from organization_members m
        where ${isOf(organization)} and m.user_id = ${userIdOf(user)} and m.user_id <> ${actorId}
          and ${may("assign", "assign_org_role", { organization: sql`m.organization_id` })}
          and ${mayGiveOrganizationRoles(sql`m.roles`, sql`m.organization_id`)}
          and ${mayGiveOrganizationRoles(texts(roles), sql`m.organization_id`)}
        for no key update
      ), after as (
        update organization_members m set roles = ${texts(roles)},
          updated_at = ${request.now}::timestamptz from before
        where m.organization_id = before.organization_id and m.user_id = before.user_id
        returning m.*
      ), audited as (${audit(
        sql`after m join before on before.organization_id = m.organization_id
          and before.user_id = m.user_id`,
        "write",
        request,
        auditDiff({ roles: { old: sql`before.roles`, new: sql`m.roles` } }),
      )})
      select ${memberColumns} from after m join users u on u.id = m.user_id`,
  )

function audit(from: SQL, action: string, request: AuditRequest, diff?: SQL): SQL {
  return auditInsert(
    request,
    {
      resourceType: "organization_member",
      resourceId: sql`m.user_id`,
      resourceTarget: sql`(select t.username from users t where t.id = m.user_id)`,
      organizationId: sql`m.organization_id`,
      action,
      ...(diff === undefined ? {} : { diff }),
    },
    from,
  )
}
