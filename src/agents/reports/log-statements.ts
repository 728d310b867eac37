// An agent's logs: at most one mebibyte over the agent's whole life, grouped by source.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts } from "../../platform/db/sql.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type {
  workspaceAgentLogs,
  workspaceAgentLogSources,
} from "../../platform/db/schema/agents.ts"
import { actorAgentId } from "../actor.ts"

export const logBytesMax = 1_048_576

export type NewLog = { createdAt: Date; level: string; output: string }

/**
 * Stores the lines. If they would pass the limit, marks the agent as overflowed for good and
 * returns no row.
 *
 * The lock on the agent's row serialises concurrent calls. An overflowed agent's row never changes.
 */
export function appendLogs(
  sourceId: string,
  logs: readonly NewLog[],
  lengthBytes: number,
): Statement<{ stored: number }> {
  const length = sql`a.logs_length + ${lengthBytes}::int`
  return statement(
    "agents.append-logs",
    sql`
    with grown as (
      update workspace_agents a set logs_overflowed = ${length} > ${logBytesMax}::int,
        logs_length = case when ${length} > ${logBytesMax}::int then a.logs_length
          else ${length} end
      where a.id = ${actorAgentId} and not a.logs_overflowed
      returning a.id, a.logs_overflowed
    ), stored as (
      insert into workspace_agent_logs (agent_id, log_source_id, created_at, level, output)
      select g.id, ${sourceId}::uuid, l.created_at, l.level, l.output
      from grown g, unnest(${instants(logs.map((log) => log.createdAt))},
        ${texts(logs.map((log) => log.level))}, ${texts(logs.map((log) => log.output))})
        with ordinality l(created_at, level, output, position)
      where not g.logs_overflowed order by l.position
      returning 1
    )
    select count(*)::int as stored from stored having count(*) > 0`,
  )
}

export type LogRow = Pick<
  RowOf<typeof workspaceAgentLogs>,
  "id" | "created_at" | "output" | "level"
> & { source_id: string }

/** The most lines that one reading for followers returns. */
export const logRowsMax = 1_000

/** Reads by `workspace_agent_logs_agent`, in the order of arrival. */
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

type LogSourceRow = Omit<RowOf<typeof workspaceAgentLogSources>, "agent_id"> & {
  workspace_agent_id: string
}

/** A source that is reported again stays as it is and is returned. */
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
    where agent_id = ${actorAgentId} and id = ${source.id}::uuid
      and not exists (select 1 from added)`,
  )
}
