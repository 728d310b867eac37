// Reads the intervals in which workspaces ran, from their builds.
import { type SQL, sql } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { type Statement, statement } from "../../platform/db/client.ts"
import { isStage } from "../../queue/prebuild-stage.ts"
import type { RunningInterval } from "./running-time.ts"
import type { Window } from "../window.ts"

/** The most intervals of one answer; beyond it the caller must ask for a shorter window. */
export const intervalCountMax = 20_000

export type RunningSubject = { kind: "workspace" | "user" | "template"; id: string }

const subjectColumn: Record<RunningSubject["kind"], SQL> = {
  workspace: sql`w.id`,
  user: sql`r.user_id`,
  template: sql`w.template_id`,
}

const workspaceColumns = {
  id: sql`w.id`,
  owner: sql`w.owner_id`,
  organization: sql`w.organization_id`,
}

/**
 * The workspaces to read. For a person they include former prebuilds, whose earlier runs the outer
 * filter drops.
 */
const workspaceFilter: Record<RunningSubject["kind"], (id: string) => SQL> = {
  workspace: (id) => sql`w.id = ${id}::uuid`,
  user: (id) => sql`w.owner_id = ${id}::uuid`,
  template: (id) => sql`w.template_id = ${id}::uuid`,
}

/**
 * Reads the runs of workspaces that the caller may read.
 *
 * A run begins when a start build succeeds and ends when the next build of the workspace succeeds,
 * whatever it does. A prebuild's run belongs to the prebuilds user until the claim. One row more
 * than the bound means that there are too many.
 *
 * Of the builds before the window, only the last that succeeded can reach into it.
 * `workspace_builds_number` is read from there on, so a long history costs nothing.
 */
export function readRunningIntervals(
  subject: RunningSubject,
  window: Window,
): Statement<RunningInterval> {
  const readable = may("read", "workspace", workspaceColumns)
  return statement(
    "insights.running-intervals",
    sql`
    with looked_at as (
      select w.id, w.name, w.template_id, w.owner_id, coalesce((
          select p.build_number from workspace_builds p join provisioner_jobs k on k.id = p.job_id
          where p.workspace_id = w.id and k.job_status = 'succeeded'
            and k.completed_at <= ${window.startAt}::timestamptz
          order by p.build_number desc limit 1), 0) as from_number
      from workspaces w where ${workspaceFilter[subject.kind](subject.id)} and ${readable}
    ), runs as (
      select w.id as workspace_id, w.name as workspace_name, w.template_id,
        case when b.initiator_id = prebuilds_user_id() then b.initiator_id
          else w.owner_id end as user_id,
        j.completed_at as started_at, e.ended_at, e.ended_by, e.ended_reason
      from looked_at w
      join workspace_builds b on b.workspace_id = w.id and b.build_number >= w.from_number
        and b.transition = 'start'
      join provisioner_jobs j on j.id = b.job_id and j.job_status = 'succeeded'
      left join lateral (
        select k.completed_at as ended_at, n.transition as ended_by,
          case when ${isStage(sql`k.input`, "claim")} then 'claim' else n.reason end as ended_reason
        from workspace_builds n join provisioner_jobs k on k.id = n.job_id
          and k.job_status = 'succeeded'
        where n.workspace_id = w.id and n.build_number > b.build_number order by n.build_number
          limit 1
      ) e on true
      where b.created_at < ${window.endAt}::timestamptz
        and j.completed_at < ${window.endAt}::timestamptz
        and coalesce(e.ended_at, 'infinity') > ${window.startAt}::timestamptz
    )
    select r.*, u.username, t.name as template_name
    from runs r join workspaces w on w.id = r.workspace_id join users u on u.id = r.user_id
      join templates t on t.id = r.template_id
    where ${subjectColumn[subject.kind]} = ${subject.id}::uuid
    order by r.started_at, r.workspace_id limit ${intervalCountMax + 1}`,
  )
}

/** Returns a row if the caller may read the subject itself. */
export function readSubject({ kind, id }: RunningSubject): Statement<{ id: string }> {
  const readable: Record<RunningSubject["kind"], SQL> = {
    workspace: sql`select w.id from workspaces w where w.id = ${id}::uuid
      and ${may("read", "workspace", workspaceColumns)}`,
    user: sql`select u.id from users u where u.id = ${id}::uuid
      and ${may("read", "user", { id: sql`u.id`, owner: sql`u.id` })}`,
    template: sql`select t.id from templates t where t.id = ${id}::uuid
      and ${may("read", "template", { id: sql`t.id`, organization: sql`t.organization_id` })}`,
  }
  return statement("insights.running-subject", readable[kind])
}
