// An agent's logs: the first mebibyte of the agent's whole life, grouped by source.
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
/** What a line counts beside its text, so that empty lines are not free. */
export const lineBytes = 32
const overflowNotice = "The agent's logs exceeded the 1 MiB limit. Further output is dropped."
const noticeBytes = overflowNotice.length + lineBytes

export type NewLog = { createdAt: Date; level: string; output: string; bytes: number }

/**
 * Stores the lines that fit. The first line that does not is replaced by a notice, and the agent is
 * marked as overflowed for good. Returns no row if the agent had overflowed before.
 *
 * The lock on the agent's row serialises concurrent calls.
 */
export function appendLogs(
  sourceId: string,
  logs: readonly NewLog[],
): Statement<{ is_over: boolean }> {
  return statement(
    "agents.append-logs",
    sql`
    with held as (
      select a.id, a.logs_length from workspace_agents a
      where a.id = ${actorAgentId} and not a.logs_overflowed for no key update
    ), sized as (
      select h.id as agent_id, l.*,
        h.logs_length + sum(l.bytes) over (order by l.n) + ${noticeBytes}::int
          > ${logBytesMax}::int as is_over
      from held h, unnest(${instants(logs.map((log) => log.createdAt))},
        ${texts(logs.map((log) => log.level))}, ${texts(logs.map((log) => log.output))},
        ${sql.param(logs.map((log) => log.bytes))}::int[])
        with ordinality l(created_at, level, output, bytes, n)
    ), stored as (
      insert into workspace_agent_logs (agent_id, log_source_id, created_at, level, output)
      select s.agent_id, ${sourceId}::uuid, s.created_at,
        case when s.is_over then 'warn' else s.level end,
        case when s.is_over then ${overflowNotice} else s.output end
      from sized s
      where not s.is_over or s.n = (select min(o.n) from sized o where o.is_over)
      order by s.n
    ), grown as (
      update workspace_agents a set logs_overflowed = exists (select from sized where is_over),
        logs_length = a.logs_length
          + coalesce((select sum(s.bytes) from sized s where not s.is_over), 0)
      from held h where a.id = h.id
      returning a.logs_overflowed
    )
    select logs_overflowed as is_over from grown`,
  )
}

export type LogRow = Pick<
  RowOf<typeof workspaceAgentLogs>,
  "id" | "created_at" | "output" | "level"
> & { source_id: string }

/** The most lines that one reading for followers returns. */
export const logRowsMax = 1_000
/** The most lines that one read by a person returns. The next page begins after the last line. */
export const logPageMax = 20_000

/** Reads by `workspace_agent_logs_agent`, in the order of arrival. */
export function readLogs(
  agentId: string,
  range: { after: number; before?: number | undefined; limit: number },
): Statement<LogRow> {
  const before = range.before === undefined ? sql`` : sql` and id < ${range.before}::bigint`
  return statement(
    "agents.read-logs",
    sql`
    select id, created_at, output, level, log_source_id as source_id from workspace_agent_logs
    where agent_id = ${agentId}::uuid and id > ${range.after}::bigint${before}
    order by id limit ${range.limit}::int`,
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
