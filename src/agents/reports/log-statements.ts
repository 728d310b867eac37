// An agent's logs: bounded at a mebibyte for its whole life, grouped by source.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts } from "../../platform/db/sql.ts"
import { actorAgentId } from "../actor.ts"

export const logBytesMax = 1_048_576

export type NewLog = { createdAt: Date; level: string; output: string }

/**
 * Stores the lines unless they would pass the bound: then the agent is marked as overflowed, for good, and no row comes
 * back. The agent's row serialises concurrent calls. An agent that has overflowed is not written again.
 */
export function appendLogs(
  sourceId: string,
  logs: readonly NewLog[],
  lengthBytes: number,
): Statement<{ stored: number }> {
  return statement(
    "agents.append-logs",
    sql`
    with grown as (
      update workspace_agents a set
        logs_overflowed = a.logs_length + ${lengthBytes}::int > ${logBytesMax}::int,
        logs_length = case when a.logs_length + ${lengthBytes}::int > ${logBytesMax}::int then a.logs_length
          else a.logs_length + ${lengthBytes}::int end
      where a.id = ${actorAgentId} and not a.logs_overflowed
      returning a.id, a.logs_overflowed
    ), stored as (
      insert into workspace_agent_logs (agent_id, log_source_id, created_at, level, output)
      select g.id, ${sourceId}::uuid, l.created_at, l.level, l.output
      from grown g, unnest(${instants(logs.map((log) => log.createdAt))}, ${texts(logs.map((log) => log.level))},
        ${texts(logs.map((log) => log.output))}) with ordinality l(created_at, level, output, position)
      where not g.logs_overflowed order by l.position
      returning 1
    )
    select count(*)::int as stored from stored having count(*) > 0`,
  )
}

export type LogSourceRow = {
  workspace_agent_id: string
  id: string
  created_at: Date
  display_name: string
  icon: string
}

/** Reporting a source again changes nothing and returns it as it is. */
export function addLogSource(
  source: { id: string; displayName: string; icon: string },
  now: Date,
): Statement<LogSourceRow> {
  return statement(
    "agents.add-log-source",
    sql`
    with added as (
      insert into workspace_agent_log_sources (agent_id, id, display_name, icon, created_at)
      values (${actorAgentId}, ${source.id}::uuid, ${source.displayName}, ${source.icon}, ${now})
      on conflict do nothing returning *
    )
    select agent_id as workspace_agent_id, id, created_at, display_name, icon from added
    union all
    select agent_id, id, created_at, display_name, icon from workspace_agent_log_sources
    where agent_id = ${actorAgentId} and id = ${source.id}::uuid and not exists (select 1 from added)`,
  )
}
