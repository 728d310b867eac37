// The hub's statements: connections, losses, and which agents may stay.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, uuids } from "../../platform/db/sql.ts"
import { actorAgentId, actorWorkspaceId } from "../actor.ts"

type Link = { agentId: string; isOpen: boolean; at: Date }

/**
 * Over an agent `a` and its link `l`. An agent that connects again keeps the instant of its last
 * loss.
 */
const setLink: SQL = sql`socket_open = l.is_open,
  first_connected_at = coalesce(a.first_connected_at, l.at),
  last_connected_at = greatest(a.last_connected_at, l.at),
  disconnected_at = case when l.is_open then a.disconnected_at
    else greatest(a.last_connected_at, l.at) end`

/** Writes all of a hub's new connections and losses in one statement. */
export function writeLinks(links: readonly Link[]): Statement<{ id: string }> {
  return statement(
    "agents.write-links",
    sql`
    update workspace_agents a set ${setLink}
    from unnest(${uuids(links.map((link) => link.agentId))},
      ${sql.param(links.map((link) => link.isOpen))}::boolean[],
      ${instants(links.map((link) => link.at))}) as l(id, is_open, at)
    where a.id = l.id returning a.id`,
  )
}

/**
 * Connects the agent that authenticated just before, in the same transaction. No row means that
 * its workspace is another one.
 */
export function linkActor(workspaceId: string, at: Date): Statement<{ id: string }> {
  return statement(
    "agents.link",
    sql`
    update workspace_agents a set ${setLink}
    from (select true as is_open, ${at}::timestamptz as at) l
    where a.id = ${actorAgentId} and ${actorWorkspaceId} = ${workspaceId}::uuid returning a.id`,
  )
}

/**
 * Disconnects the workspace's agents that are connected while the hub holds no socket of theirs.
 * Reads by `workspace_agents_workspace`.
 */
export function closeUnheld(
  workspaceId: string,
  heldAgentIds: readonly string[],
  at: Date,
): Statement<{ id: string }> {
  return statement(
    "agents.close-unheld",
    sql`
    update workspace_agents a set ${setLink}
    from (select false as is_open, ${at}::timestamptz as at) l
    where a.workspace_id = ${workspaceId}::uuid and not a.deleted and a.socket_open
      and a.id <> all (${uuids(heldAgentIds)})
    returning a.id`,
  )
}

/** Returns which of these agents may still hold a socket. */
export function readStanding(
  agentIds: readonly string[],
): Statement<{ id: string; may_connect: boolean }> {
  return statement(
    "agents.read-standing",
    sql`
    select a.id, agent_may_connect(a, b, j, w) as may_connect
    from workspace_agents a
    join workspace_builds b on b.id = a.build_id join provisioner_jobs j on j.id = b.job_id
    join workspaces w on w.id = b.workspace_id
    where a.id = any (${uuids(agentIds)})`,
  )
}
