// What the hub asks the database: it writes each connection and each loss once, and reads what its watchers follow.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, uuids } from "../../platform/db/sql.ts"
import { actorAgentId, actorWorkspaceId } from "../actor.ts"

export type Link = { agentId: string; isOpen: boolean; at: Date }

/** Over an agent `a` and its link `l`. The old instant of a loss stays when an agent comes back (E4). */
const setLink: SQL = sql`socket_open = l.is_open, first_connected_at = coalesce(a.first_connected_at, l.at),
  last_connected_at = greatest(a.last_connected_at, l.at),
  disconnected_at = case when l.is_open then a.disconnected_at else greatest(a.last_connected_at, l.at) end`

/** Connections and losses of agents, one statement for all that the hub has to tell. */
export function writeLinks(links: readonly Link[]): Statement<{ id: string }> {
  return statement(
    "agents.write-links",
    sql`
    update workspace_agents a set ${setLink}
    from unnest(${uuids(links.map((link) => link.agentId))}, ${sql.param(links.map((link) => link.isOpen))}::boolean[],
      ${instants(links.map((link) => link.at))}) as l(id, is_open, at)
    where a.id = l.id returning a.id`,
  )
}

/** Behind the agent's authentication: it is connected from now on. No row where its workspace is another one. */
export function linkActor(workspaceId: string, at: Date): Statement<{ id: string }> {
  return statement(
    "agents.link",
    sql`
    update workspace_agents a set ${setLink} from (select true as is_open, ${at}::timestamptz as at) l
    where a.id = ${actorAgentId} and ${actorWorkspaceId} = ${workspaceId}::uuid returning a.id`,
  )
}

/** Agents of the workspace that read connected while the hub holds no socket of theirs. By `workspace_agents_workspace`. */
export function closeUnheld(
  workspaceId: string,
  heldAgentIds: readonly string[],
  at: Date,
): Statement<{ id: string }> {
  return statement(
    "agents.close-unheld",
    sql`
    update workspace_agents a set ${setLink} from (select false as is_open, ${at}::timestamptz as at) l
    where a.workspace_id = ${workspaceId}::uuid and not a.deleted and a.socket_open and a.id <> all (${uuids(heldAgentIds)})
    returning a.id`,
  )
}

export type MetadataRow = {
  key: string
  display_name: string
  script: string
  interval_seconds: number
  timeout_seconds: number
  value: string
  error: string
  collected_at: Date | null
}

/** The metadata of several agents at once, for those who watch them. */
export function readMetadataOf(
  agentIds: readonly string[],
): Statement<MetadataRow & { agent_id: string }> {
  return statement(
    "agents.read-metadata-of",
    sql`
    select agent_id, key, display_name, script, interval_seconds, timeout_seconds, value, error, collected_at
    from workspace_agent_metadata where agent_id = any (${uuids(agentIds)}) order by agent_id, display_order, key`,
  )
}

export type LogRow = {
  id: number
  created_at: Date
  output: string
  level: string
  source_id: string
}
export const logRowsMax = 1_000

/** By `workspace_agent_logs_agent`, in the order of arrival. */
export function readLogs(
  agentId: string,
  range: { after: number; before?: number | undefined; limit?: number },
): Statement<LogRow> {
  const before = range.before === undefined ? sql`` : sql` and id < ${range.before}::bigint`
  const limit = range.limit === undefined ? sql`` : sql` limit ${range.limit}::int`
  return statement(
    "agents.read-logs",
    sql`
    select id, created_at, output, level, log_source_id as source_id from workspace_agent_logs
    where agent_id = ${agentId}::uuid and id > ${range.after}::bigint${before} order by id${limit}`,
  )
}

export type AgentStanding = { id: string; may_connect: boolean }

/**
 * The rule of `authenticate_agent`, over an agent `a`, its build `b` with its job `j`, and its workspace `w`: its build is the
 * latest, or the latest is the stop that directly follows it and has not ended.
 */
export const isConnectable: SQL = sql`(not a.deleted and not w.deleted and (w.latest_build_id = b.id
  or (b.transition = 'start' and j.job_status = 'succeeded' and w.latest_build_number = b.build_number + 1
    and w.latest_transition = 'stop' and w.latest_job_status in ('pending', 'running'))))`

/** Which of these agents may still hold a socket. */
export function readStanding(agentIds: readonly string[]): Statement<AgentStanding> {
  return statement(
    "agents.read-standing",
    sql`
    select a.id, ${isConnectable} as may_connect
    from workspace_agents a join workspace_builds b on b.id = a.build_id join provisioner_jobs j on j.id = b.job_id
    join workspaces w on w.id = b.workspace_id
    where a.id = any (${uuids(agentIds)})`,
  )
}
