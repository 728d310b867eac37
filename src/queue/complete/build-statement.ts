// The end of a build that succeeded, in one statement.
//
// It writes the job, the deadlines, the resources that the build made and those that it replaced.
import { type SQL, sql } from "drizzle-orm"
import type { AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { buildAudit, deletionNotice, endedBuilds } from "../../builds/ended-builds.ts"
import type { EndedJob } from "../jobs/fail.ts"
import { type Timing, timingInsert } from "../jobs/timings.ts"
import { schedulePairs, type ScheduleSettings } from "../../templates/policy/columns.ts"
import type { ReportedReplacement } from "../../templates/manifest/reported.ts"
import type { Transition } from "../jobs/protocol.ts"
import { markReplaced, replacementNotice } from "./replacements.ts"
import { resourceInserts } from "./resource-inserts.ts"
import type { ResourceRows } from "./resource-rows.ts"
import { holds } from "../jobs/update.ts"

/**
 * The inputs that deadlines are computed from. Deadlines are written only if all inputs are
 * unchanged.
 */
export type CompletionInputs = ScheduleSettings & {
  owner_id: string
  ttl_ms: number | null
  autostart_schedule: string | null
  quiet_hours: string
}

const inputs: SQL = sql`jsonb_build_object('owner_id', w.owner_id, 'ttl_ms', w.ttl_ms,
  'autostart_schedule', w.autostart_schedule, 'quiet_hours', o.quiet_hours_schedule,
  ${schedulePairs(sql`t`)})`

const path: SQL = sql`provisioner_jobs j join workspace_builds b on b.job_id = j.id
  join workspaces w on w.id = b.workspace_id join templates t on t.id = w.template_id
    join users o on o.id = w.owner_id`

export type Holder = { daemonId: string; jobId: string }

export type BuildFacts = {
  transition: Transition
  build_created_at: Date
  workspace_id: string
  inputs: CompletionInputs
  agent_tokens: Record<string, { hash: string; encrypted?: string }> | null
}

/** Reads what completing the build needs; no row if the daemon does not hold such a job. */
export const readBuildFacts = (holder: Holder) =>
  statement<BuildFacts>(
    "provisioner-jobs.build-facts",
    sql`select b.transition, b.created_at as build_created_at, w.id as workspace_id,
        ${inputs} as inputs, j.agent_tokens
      from ${path} where ${holds(holder)}`,
  )

export type BuildCompletion = Holder & {
  inputs: CompletionInputs
  deadlineAt: Date | null
  maxDeadlineAt: Date | null
  nextStartAt: Date | null
  state: Uint8Array | null
  dailyCost: number
  hasExternalAgent: boolean
  rows: ResourceRows
  timings: readonly Timing[]
  replacements: readonly ReportedReplacement[]
}

/**
 * Completes the build; one row if it is complete now.
 *
 * Preconditions: the job is running, its daemon belongs to the key, and the inputs of the deadlines
 * are those that were read. The job's and the workspace's rows are locked, in this order. A job
 * that has ended gets no row, so a second completion, or one after the reaper, changes nothing.
 *
 * The agents of earlier builds end here and not before: a build that waits or fails leaves a
 * running agent alone.
 */
export const completeBuildJob = (completion: BuildCompletion, request: AuditRequest) => {
  const { now } = request
  const { deadlineAt, maxDeadlineAt, nextStartAt, state } = completion
  return statement<EndedJob & { follows: boolean }>(
    "provisioner-jobs.complete-build",
    sql`with target as (
      select j.id as job_id, b.id as build_id, w.id as workspace_id, b.transition,
        b.on_success is not null as follows
      from ${path}
      where ${holds(completion)} and ${inputs} = ${json(completion.inputs)}
      for update of j, w
    ), ended as (
      update provisioner_jobs j set completed_at = ${now}::timestamptz,
        updated_at = ${now}::timestamptz, error = null,
        error_code = null, agent_tokens = null, input = ${markReplaced(completion.replacements)}
      from target t where j.id = t.job_id
      returning j.id, j.type, j.organization_id
    ), built as (
      update workspace_builds b set provisioner_state = ${state}::bytea,
        deadline = ${deadlineAt}::timestamptz,
        max_deadline = ${maxDeadlineAt}::timestamptz, daily_cost = ${completion.dailyCost}::int,
        has_external_agent = ${completion.hasExternalAgent}, updated_at = ${now}::timestamptz
      from target t where b.id = t.build_id
    ), moved as (
      update workspaces w set deleted = w.deleted or t.transition = 'delete',
        next_start_at = case when w.autostart_schedule is null then w.next_start_at
          else ${nextStartAt}::timestamptz end
      from target t
      where w.id = t.workspace_id and (t.transition = 'delete'
        or (w.autostart_schedule is not null and w.next_start_at is distinct
          from ${nextStartAt}::timestamptz))
    ), replaced as (
      update workspace_agents a set deleted = true
      from target t
      where a.workspace_id = t.workspace_id and not a.deleted
        and (a.build_id <> t.build_id or t.transition = 'delete')
      returning a.id
    ), ${resourceInserts(completion.rows, now, sql`select count(*) from replaced`)},
    ${timingInsert(completion.timings, now)}, ${endedBuilds()}, ${deletionNotice(now)},
    ${replacementNotice(completion.replacements, now)}, ${buildAudit(request, 200)}
    select e.id, e.type, e.organization_id, t.build_id, t.workspace_id, t.follows from ended e
      join target t on t.job_id = e.id`,
  )
}
