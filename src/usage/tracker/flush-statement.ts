// The flush: one statement that writes what a shard holds.
//
// It writes marks, bumps and statistics, proves the cached permits again and notes the use of their
// keys.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, json, uuids } from "../../platform/db/sql.ts"
import { type Columns, step, type Step, withSteps } from "../../platform/db/steps.ts"
import { ttlInForceSql } from "../../schedule/ttl.ts"
import type { AppStat } from "../app-sessions.ts"
import { keyUse } from "./key-use.ts"
import type { UsageFacts } from "./mark.ts"
import { renewed } from "./permit-statement.ts"
import type { PermitRow, StatRow, UsedRow } from "./rows.ts"

export type FlushInput = {
  now: Date
  used: readonly UsedRow[]
  stats: readonly StatRow[]
  apps: readonly AppStat[]
  permits: readonly PermitRow[]
}
export type FlushResult = {
  used: number
  /** Workspaces whose deadline moved. */
  bumped: string[]
  stats: number
  /** The facts of each permit that still holds, by its position in the input. */
  renewed: { position: number; facts: UsageFacts }[]
}

/**
 * Writes what a shard holds, and only moves values forward.
 *
 * An older mark, a second delivery or another shard's write changes nothing. Rows are locked in the
 * order of their ids before any is written, because an update from a list locks in no order. If the
 * template has a reminder lead, a bump moves `check_at` to the new reminder; any other write is a
 * heap-only update.
 */
export function flushStatement(input: FlushInput): Statement<FlushResult> {
  const { now, used, stats, apps, permits } = input
  const steps = withSteps(beats(used))
    .add(locked)
    .add(bumped)
    .add(marked)
    .add(storedStats(stats))
    .add(storedApps(apps))
    .add(renewed(permits, now))
    .add(keyUse)
  return statement<FlushResult>(
    "usage.flush",
    steps.select(sql`
    select (select count(*) from marked)::int as used,
      (select coalesce(array_agg(workspace_id::text), '{}') from bumped) as bumped,
      (select count(*) from stored)::int as stats,
      (select coalesce(json_agg(json_build_object('position', position, 'facts', facts)), '[]')
        from renewed) as renewed`),
  )
}

const instantOf = (ms: number | null) => (ms === null ? null : new Date(ms))

type Beat = Columns<"beat", "workspace_id" | "seen_at" | "bump_at" | "next_autostart_at">

function beats(used: readonly UsedRow[]): Step<never, Beat> {
  return step(sql`beat as materialized (
      select * from unnest(
        ${uuids(used.map((row) => row.workspace_id))},
        ${instants(used.map((row) => new Date(row.seen_at_ms)))},
        ${instants(used.map((row) => instantOf(row.bump_at_ms)))},
        ${instants(used.map((row) => instantOf(row.next_autostart_at_ms)))}
      ) as b(workspace_id, seen_at, bump_at, next_autostart_at)
    )`)
}

type Locked = Columns<"locked", "id">

const locked: Step<Beat, Locked> = step(sql`locked as materialized (
      select w.id from workspaces w where w.id in (select workspace_id from beat)
      order by w.id for no key update
    )`)

type Bumped = Columns<"bumped", "workspace_id" | "reminder_at">

/** Over beat, t: the template's bump in whole seconds. */
const bump = sql`duration_of(t.activity_bump_ms / 1000 * 1000)`

/** Over beat, w, t: an autostart strictly within the bump makes the step the gap and a full ttl. */
const bumpStep: SQL = sql`case
            when beat.bump_at < beat.next_autostart_at
              and beat.next_autostart_at < beat.bump_at + ${bump}
            then beat.next_autostart_at - beat.bump_at + duration_of(${ttlInForceSql})
            else ${bump} end`

/**
 * The activity bump: use moves the deadline of a running build.
 *
 * The deadline becomes the instant of use plus the step, never earlier than it was, and at most the
 * max deadline. Nothing is written before a twentieth of the step has passed since the last bump. A
 * null ttl makes the step null, and then nothing is written.
 */
const bumped: Step<Beat | Locked, Bumped> = step(sql`bumped as (
      update workspace_builds b
      set deadline = least(greatest(b.deadline, s.bump_at + s.step),
          coalesce(b.max_deadline, 'infinity')),
        updated_at = s.bump_at
      from (
        select w.id as workspace_id, w.latest_build_id, beat.bump_at,
          t.time_til_autostop_notify_ms as lead_ms, ${bumpStep} as step
        from beat join locked on locked.id = beat.workspace_id
        join workspaces w on w.id = beat.workspace_id
        join templates t on t.id = w.template_id
        where beat.bump_at is not null and t.activity_bump_ms > 0 and not w.deleted
          and w.owner_id <> prebuilds_user_id()
      ) s, provisioner_jobs j
      where b.id = s.latest_build_id and j.id = b.job_id and j.completed_at is not null
        and b.transition = 'start' and s.step > interval '0' and b.deadline is not null
        and b.deadline - s.step * 0.95 < s.bump_at
      returning s.workspace_id,
        case when s.lead_ms > 0 then instant_before(b.deadline, s.lead_ms) end as reminder_at
    )`)

const marked: Step<Beat | Locked | Bumped, Columns<"marked", "id">> = step(sql`marked as (
      update workspaces w
      set last_used_at = greatest(w.last_used_at, beat.seen_at),
        check_at = case when bumped.reminder_at is null then w.check_at
          else least(w.check_at, bumped.reminder_at) end
      from beat join locked on locked.id = beat.workspace_id
      left join bumped on bumped.workspace_id = beat.workspace_id
      where w.id = beat.workspace_id
        and (w.last_used_at is null or w.last_used_at < beat.seen_at
          or bumped.reminder_at < w.check_at)
      returning w.id
    )`)

/** The columns by which two statistics of one agent and instant differ. */
const statKind = (row: SQL) => sql`(${row}.usage, ${row}.session_count_vscode,
            ${row}.session_count_jetbrains, ${row}.session_count_reconnecting_pty,
            ${row}.session_count_ssh)`

/** A flush whose answer was lost may be committed, so a row that exists is not stored again. */
function storedStats(stats: readonly StatRow[]): Step<never, Columns<"stored", "stored">> {
  const rows = json(stats.map((row) => JSON.parse(row.stat) as unknown))
  const columns = sql`created_at, user_id, workspace_id, template_id, agent_id,
        connections_by_proto, connection_count, connection_median_latency_ms, rx_packets, rx_bytes,
        tx_packets, tx_bytes, session_count_vscode, session_count_jetbrains,
        session_count_reconnecting_pty, session_count_ssh, usage`
  return step(sql`stored as (
      insert into workspace_agent_stats (${columns})
      select ${columns} from jsonb_populate_recordset(null::workspace_agent_stats, ${rows}) r
      where not exists (
        select 1 from workspace_agent_stats s
        where s.created_at = r.created_at and s.agent_id = r.agent_id
          and ${statKind(sql`s`)} = ${statKind(sql`r`)})
      returning 1 as stored
    )`)
}

/** A session's row only grows, so a second delivery or an older one changes nothing. */
function storedApps(apps: readonly AppStat[]): Step<never, never> {
  const columns = sql`session_id, user_id, workspace_id, agent_id, access_method, slug_or_port,
        session_started_at, session_ended_at, requests`
  return step(sql`app_stored as (
      insert into workspace_app_stats as a (${columns})
      select ${columns} from jsonb_populate_recordset(null::workspace_app_stats, ${json(apps)}) r
      on conflict (user_id, agent_id, session_id) do update set
        session_ended_at = greatest(a.session_ended_at, excluded.session_ended_at),
        requests = greatest(a.requests, excluded.requests)
      where a.session_ended_at < excluded.session_ended_at or a.requests < excluded.requests
    )`)
}
