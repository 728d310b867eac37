// Reads about workspaces: a user's fleet, its cost, and whether an autostart finds its parameters.
import { sql, type SQL } from "drizzle-orm"
import { organizationIdOf, userIdOf } from "../access/lookup.ts"
import { may } from "../access/may.ts"
import { statement, type Statement } from "../platform/db/client.ts"
import type { ParameterDefinition } from "../templates/parameters/resolve.ts"
import { isVisible } from "./list/page.ts"

export type FleetRow = {
  id: string
  name: string
  template_id: string
  organization_id: string
  job_status: string
  transition: string
  agents: { id: string; name: string }[]
}

/**
 * The workspaces of an owner that the caller may read, with the state and agents of the latest
 * build.
 *
 * Deleted ones are left out. Reads the index workspaces_name_live by its owner.
 */
export function fleetOf(owner: SQL): Statement<FleetRow> {
  return statement(
    "workspaces.fleet",
    sql`select w.id, w.name, w.template_id, w.organization_id, w.latest_job_status as job_status,
        w.latest_transition as transition,
        (select coalesce(json_agg(json_build_object('id', a.id, 'name', a.name)
            order by a.display_order, a.name), '[]')
          from workspace_agents a where a.build_id = w.latest_build_id and not a.deleted) as agents
      from workspaces w
      where w.owner_id = ${owner} and not w.deleted and w.latest_build_id is not null
        and ${isVisible()}
      order by lower(w.name)`,
  )
}

/** The user, if there is one and the caller may read it. */
export function readableUser(user: string): Statement<{ id: string }> {
  return statement(
    "users.readable",
    sql`select u.id from users u
      where u.id = ${userIdOf(user)}
        and ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })}`,
  )
}

/**
 * The daily cost of the user's workspaces in the organization.
 *
 * Returns no row if the user is not a member or the caller may not read the workspaces.
 */
export function quotaOf(
  user: string,
  organization: string,
): Statement<{ credits_consumed: number }> {
  const owned = { owner: sql`m.user_id`, organization: sql`m.organization_id` }
  return statement(
    "workspaces.quota",
    sql`select coalesce((
          select sum(b.daily_cost)
          from workspaces w join workspace_builds b on b.id = w.latest_build_id
          where w.owner_id = m.user_id and w.organization_id = m.organization_id
            and not w.deleted), 0)::int as credits_consumed
      from organization_members m
      where m.user_id = ${userIdOf(user)} and m.organization_id = ${organizationIdOf(organization)}
        and ${may("read", "workspace", owned)}`,
  )
}

export type AutostartContext = {
  uses_active: boolean
  is_on_active: boolean
  parameters: ParameterDefinition[]
  previous: { name: string; value: string }[]
}

/**
 * What the next autostart would build: the active version's parameters and the last build's
 * values.
 */
export function autostartContext(workspaceId: string): Statement<AutostartContext> {
  return statement(
    "workspaces.autostart-context",
    sql`select t.require_active_version or w.automatic_updates = 'always' as uses_active,
        b.template_version_id = t.active_version_id as is_on_active,
        (select coalesce(json_agg(p order by p.display_order, p.name), '[]')
          from template_version_parameters p
          where p.template_version_id = t.active_version_id) as parameters,
        (select coalesce(json_agg(json_build_object('name', v.name, 'value', v.value)), '[]')
          from workspace_build_parameters v where v.workspace_build_id = b.id) as previous
      from workspaces w join templates t on t.id = w.template_id
      join workspace_builds b on b.id = w.latest_build_id
      where w.id = ${workspaceId}::uuid and ${isVisible()}`,
  )
}
