// What the database cannot compute by itself for the next batch.
//
// These are the occurrences of schedules, and whether parameters still resolve.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { withSteps } from "../../platform/db/steps.ts"
import { dueSoon } from "../rules/due.ts"

/**
 * A workspace with a schedule whose next start is unknown, or was computed for an earlier build or
 * for other days.
 */
export type OpenNextStart = {
  workspace_id: string
  build_id: string
  schedule: string
  allowed_days: number
  /** A stop's next start counts from its creation. Null for other builds, which count from now. */
  stop_created_at: string | null
}

/** A start on another version: the last build's values must fit that version's parameters. */
export type OpenCarry = {
  workspace_id: string
  build_id: string
  template_version_id: string
  previous: { name: string; value: string }[]
}

export type Preparation = {
  due_count: number
  next_starts: OpenNextStart[]
  carries: OpenCarry[]
}

/**
 * Reads what the next batch needs, without locks.
 *
 * What changes before the batch is written is left to the next round: each value is used only while
 * its inputs are still the same. Workspaces that are not stopped do not start, so the rules of most
 * due workspaces need not be read here.
 */
export function prepareBatch(now: Date, size: number): Statement<Preparation> {
  return statement(
    "lifecycle.prepare",
    withSteps(dueSoon(now, size)).select(sql`
    select (select count(*)::int from due) as due_count,
      coalesce((select jsonb_agg(jsonb_build_object('workspace_id', w.id, 'build_id', b.id,
          'schedule', w.autostart_schedule, 'allowed_days', t.autostart_days,
          'stop_created_at', case when b.transition = 'stop' then b.created_at end))
        from due
        join workspaces w on w.id = due.id
        join workspace_builds b on b.id = w.latest_build_id
        join templates t on t.id = w.template_id
        where ${isNextStartOpen}), '[]') as next_starts,
      coalesce((select jsonb_agg(jsonb_build_object(
          'workspace_id', r.workspace_id, 'build_id', r.build_id,
          'template_version_id', r.template_version_id,
          'previous', coalesce(p.parameters, '[]')))
        from due
        join workspaces w on w.id = due.id and w.latest_transition = 'stop'
        join lifecycle_rules r on r.workspace_id = w.id
          and r.rule = 'autostart' and r.due_at <= ${now}::timestamptz
        join workspace_builds b on b.id = r.build_id
          and b.template_version_id <> r.template_version_id
        left join lateral (
          select jsonb_agg(jsonb_build_object('name', v.name, 'value', v.value)) as parameters
          from workspace_build_parameters v where v.workspace_build_id = b.id
        ) p on true), '[]') as carries`),
  )
}

/** Over w, b, t: the next start must be computed before the rules can be trusted. */
export const isNextStartOpen = sql`(w.dormant_at is null
  and coalesce(w.autostart_schedule, '') <> ''
  and is_next_start_stale(w.next_start_at, case when b.transition = 'stop' then b.created_at end,
    w.autostart_schedule, t.autostart_days))`
