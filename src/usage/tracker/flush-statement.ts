// The flush: one statement that writes a shard's marks, bumps and statistics, proves its verdicts again and marks their keys.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, intervalMs, json, uuids } from "../../platform/db/sql.ts"
import { ttlInForceSql } from "../../schedule/ttl.ts"
import type { AppStat } from "../app-sessions.ts"
import { keyMarks } from "./key-mark.ts"
import type { UsageFacts } from "./mark.ts"
import type { StatRow, UsedRow, VerdictRow } from "./rows.ts"
import { renewal } from "./verdict-statement.ts"

export type FlushInput = {
  now: Date
  used: readonly UsedRow[]
  stats: readonly StatRow[]
  apps: readonly AppStat[]
  verdicts: readonly VerdictRow[]
}
export type FlushResult = {
  used: number
  /** Workspaces whose deadline moved. */
  bumped: string[]
  stats: number
  /** The facts of each verdict that still holds, by its position in the input. */
  renewed: { position: number; facts: UsageFacts }[]
}

const instantOf = (ms: number | null) => (ms === null ? null : new Date(ms))

/**
 * Writes what a shard holds. Only moves forward: an older mark, a second delivery or another shard changes nothing. Rows are
 * locked in the order of their ids before any is written, since an update from a list locks in no order. A reminder lead
 * makes a bump bring `check_at` to the new reminder; everything else leaves the row heap-only.
 */
export function flushStatement({
  now,
  used,
  stats,
  apps,
  verdicts,
}: FlushInput): Statement<FlushResult> {
  return statement<FlushResult>(
    "usage.flush",
    sql`
    with beat as materialized (
      select * from unnest(
        ${uuids(used.map((row) => row.workspace_id))},
        ${instants(used.map((row) => new Date(row.seen_at_ms)))},
        ${instants(used.map((row) => instantOf(row.bump_at_ms)))},
        ${instants(used.map((row) => instantOf(row.next_autostart_at_ms)))}
      ) as b(workspace_id, seen_at, bump_at, next_autostart_at)
    ), locked as materialized (
      select w.id from workspaces w where w.id in (select workspace_id from beat) order by w.id for no key update
    ), bumped as (${bumpUpdate(sql`beat join locked on locked.id = beat.workspace_id`)}
    ), marked as (
      update workspaces w
      set last_used_at = greatest(w.last_used_at, beat.seen_at),
        check_at = case when bumped.reminder_at is null then w.check_at else least(w.check_at, bumped.reminder_at) end
      from beat join locked on locked.id = beat.workspace_id
      left join bumped on bumped.workspace_id = beat.workspace_id
      where w.id = beat.workspace_id
        and (w.last_used_at is null or w.last_used_at < beat.seen_at or bumped.reminder_at < w.check_at)
      returning w.id
    ), stored as (${statInsert(stats)}
    ), app_stored as (${appInsert(apps)}
    ), renewed as materialized (${renewal(verdicts, now)}
    ), ${keyMarks}
    select (select count(*) from marked)::int as used,
      (select coalesce(array_agg(workspace_id::text), '{}') from bumped) as bumped,
      (select count(*) from stored)::int as stats,
      (select coalesce(json_agg(json_build_object('position', position, 'facts', facts)), '[]') from renewed) as renewed`,
  )
}

/**
 * The activity bump over a relation `beat` with workspace_id, bump_at and next_autostart_at (lifecycle.md 12.2). The step is
 * the template's bump in whole seconds; an autostart that falls strictly within it makes it the gap and a full ttl. A null
 * ttl makes the step null, and nothing is written. `bumpDeadline` in `schedule/` is the same rule in TypeScript.
 */
function bumpUpdate(beat: SQL): SQL {
  return sql`
      update workspace_builds b
      set deadline = least(greatest(b.deadline, s.bump_at + s.step), coalesce(b.max_deadline, 'infinity')),
        updated_at = s.bump_at
      from (
        select w.id as workspace_id, w.latest_build_id, beat.bump_at, t.time_til_autostop_notify_ms as lead_ms,
          case when beat.bump_at < beat.next_autostart_at and beat.next_autostart_at < beat.bump_at + p.bump
            then beat.next_autostart_at - beat.bump_at
              + ${intervalMs(ttlInForceSql)}
            else p.bump end as step
        from ${beat}
        join workspaces w on w.id = beat.workspace_id
        join templates t on t.id = w.template_id
        cross join lateral (select make_interval(secs => t.activity_bump_ms / 1000) as bump) p
        where beat.bump_at is not null and t.activity_bump_ms > 0 and not w.deleted and w.owner_id <> prebuilds_user_id()
      ) s, provisioner_jobs j
      where b.id = s.latest_build_id and j.id = b.job_id and j.completed_at is not null and b.transition = 'start'
        and s.step > interval '0' and b.deadline is not null and b.deadline - s.step * 0.95 < s.bump_at
      returning s.workspace_id,
        case when s.lead_ms > 0 then b.deadline - ${intervalMs(sql`s.lead_ms`)} end as reminder_at`
}

// A flush whose answer was lost may have been committed: the same row is not stored twice.
function statInsert(stats: readonly StatRow[]): SQL {
  return sql`
      insert into workspace_agent_stats (created_at, user_id, workspace_id, template_id, agent_id, connections_by_proto,
        connection_count, connection_median_latency_ms, rx_packets, rx_bytes, tx_packets, tx_bytes, session_count_vscode,
        session_count_jetbrains, session_count_reconnecting_pty, session_count_ssh, usage)
      select created_at, user_id, workspace_id, template_id, agent_id, connections_by_proto,
        connection_count, connection_median_latency_ms, rx_packets, rx_bytes, tx_packets, tx_bytes, session_count_vscode,
        session_count_jetbrains, session_count_reconnecting_pty, session_count_ssh, usage
      from jsonb_populate_recordset(null::workspace_agent_stats, ${json(stats.map((row) => JSON.parse(row.stat) as unknown))}) r
      where not exists (
        select 1 from workspace_agent_stats s where s.created_at = r.created_at and s.agent_id = r.agent_id
          and (s.usage, s.session_count_vscode, s.session_count_jetbrains, s.session_count_reconnecting_pty, s.session_count_ssh)
            = (r.usage, r.session_count_vscode, r.session_count_jetbrains, r.session_count_reconnecting_pty, r.session_count_ssh))
      returning 1`
}

/** A session's row only grows, so that a second delivery or an older one changes nothing. */
function appInsert(apps: readonly AppStat[]): SQL {
  return sql`
      insert into workspace_app_stats as a (session_id, user_id, workspace_id, agent_id, access_method, slug_or_port,
        session_started_at, session_ended_at, requests)
      select session_id, user_id, workspace_id, agent_id, access_method, slug_or_port, session_started_at, session_ended_at, requests
      from jsonb_populate_recordset(null::workspace_app_stats, ${json(apps)}) r
      on conflict (user_id, agent_id, session_id) do update set
        session_ended_at = greatest(a.session_ended_at, excluded.session_ended_at), requests = greatest(a.requests, excluded.requests)
      where a.session_ended_at < excluded.session_ended_at or a.requests < excluded.requests`
}
