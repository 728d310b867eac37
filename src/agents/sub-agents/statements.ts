// Sub agents in the database. Only a parent that is not deleted makes, lists and deletes them.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { json, texts } from "../../platform/db/sql.ts"
import { actorAgentId } from "../actor.ts"

/** How many sub agents one parent may have. Concurrent calls may exceed it by their number. */
export const subAgentCountMax = 64

/** How far an app may be shared, from the narrowest to the widest. */
export const sharingOrder = ["owner", "organization", "authenticated", "public"] as const

/** Explains why nothing was inserted. Read it in the same batch, before the insert. */
export function readParent(): Statement<{ is_sub_agent: boolean; child_count: number }> {
  return statement(
    "agents.read-parent",
    sql`
    select a.parent_id is not null as is_sub_agent,
      (select count(*)::int from workspace_agents c where c.parent_id = a.id and not c.deleted)
        as child_count
    from workspace_agents a where a.id = ${actorAgentId} and not a.deleted`,
  )
}

type SubAgentRow = { id: string; name: string }
export type NewSubAgent = {
  id: string
  name: string
  directory: string
  architecture: string
  operatingSystem: string
  displayApps: readonly string[]
  hashedToken: Uint8Array
  apps: readonly object[]
}

/**
 * Makes a sub agent on the parent's resource, with its timeout, troubleshooting URL and key scope.
 * Its apps are shared no further than the template allows.
 *
 * No row means that the parent is a sub agent itself, has too many, or that the build has an agent
 * of this name. Two calls at once cannot both pass the unique indexes.
 */
export function insertSubAgent(agent: NewSubAgent, now: Date): Statement<SubAgentRow> {
  const at = sql`${now}::timestamptz`
  const sharing = texts(sharingOrder)
  return statement(
    "agents.create-sub-agent",
    sql`
    with made as (
      insert into workspace_agents (id, parent_id, resource_id, workspace_id, build_id, name,
        hashed_token, api_key_scope, architecture, operating_system, directory, display_apps,
        troubleshooting_url, connection_timeout_seconds, created_at, updated_at)
      select ${agent.id}::uuid, p.id, p.resource_id, p.workspace_id, p.build_id, ${agent.name},
        ${agent.hashedToken}::bytea, p.api_key_scope, ${agent.architecture},
        ${agent.operatingSystem}, ${agent.directory}, ${texts(agent.displayApps)},
        p.troubleshooting_url, p.connection_timeout_seconds, ${at}, ${at}
      from workspace_agents p
      where p.id = ${actorAgentId} and not p.deleted and p.parent_id is null
        and (select count(*) from workspace_agents c where c.parent_id = p.id and not c.deleted)
          < ${subAgentCountMax}::int
      on conflict do nothing returning id, name, workspace_id
    ), bound as (
      select made.id as agent_id, t.max_port_share_level as level
      from made
      join workspaces w on w.id = made.workspace_id join templates t on t.id = w.template_id
    ), apps as (
      insert into workspace_apps (id, agent_id, slug, display_name, icon, command, url, external,
        subdomain, sharing_level, healthcheck_url, healthcheck_interval_seconds,
        healthcheck_threshold, health, display_order, display_group, hidden, open_in, created_at)
      select p.id, b.agent_id, p.slug, p.display_name, p.icon, p.command, p.url, p.external,
        p.subdomain,
        case when array_position(${sharing}, p.sharing_level) > array_position(${sharing}, b.level)
          then b.level else p.sharing_level end,
        p.healthcheck_url, p.healthcheck_interval_seconds, p.healthcheck_threshold, p.health,
        p.display_order, p.display_group, p.hidden, p.open_in, ${at}
      from bound b, jsonb_populate_recordset(null::workspace_apps, ${json(agent.apps)}) p
    )
    select id, name from made`,
  )
}

/**
 * Updates a sub agent that the build made: its display apps and its directory.
 *
 * It also gets a new token, since nobody knows the old one.
 */
export function updateSubAgent(
  change: {
    id: string
    directory: string
    displayApps: readonly string[]
    hashedToken: Uint8Array
  },
  now: Date,
): Statement<SubAgentRow> {
  return statement(
    "agents.update-sub-agent",
    sql`
    update workspace_agents set display_apps = ${texts(change.displayApps)},
      updated_at = ${now}::timestamptz, hashed_token = ${change.hashedToken}::bytea,
      directory = coalesce(nullif(${change.directory}::text, ''), directory)
    where id = ${change.id}::uuid and parent_id = ${actorAgentId} and not deleted
    returning id, name`,
  )
}

export function listSubAgents(): Statement<SubAgentRow> {
  return statement(
    "agents.list-sub-agents",
    sql`
    select id, name from workspace_agents
    where parent_id = ${actorAgentId} and not deleted order by name`,
  )
}

/**
 * Deletes softly, because logs and statistics refer to the agent. A second call returns no row.
 */
export function deleteSubAgent(
  id: string,
  now: Date,
): Statement<{ id: string; workspace_id: string }> {
  return statement(
    "agents.delete-sub-agent",
    sql`
    update workspace_agents set deleted = true, updated_at = ${now}::timestamptz
    where id = ${id}::uuid and parent_id = ${actorAgentId} and not deleted
    returning id, workspace_id`,
  )
}
