// Changes of when a workspace runs: its autostart, its ttl, its deadline and its dormancy.
import { sql } from "drizzle-orm"
import type { AuditRequest } from "../../audit/fragment.ts"
import type { Statement } from "../../platform/db/client.ts"
import { instants } from "../../platform/db/sql.ts"
import { outboxInsert } from "../../notifications/fragment.ts"
import { notificationIds } from "../../notifications/templates.ts"
import { nextAllowedAutostart } from "../../schedule/autostart.ts"
import { changeWorkspace, type ChangeFacts } from "../change.ts"

const daysOfWeek = [0, 1, 2, 3, 4, 5, 6]

/** The first start on each weekday, Monday first. The statement chooses among the allowed days. */
function firstStarts(schedule: string, now: Date): (Date | null)[] {
  return daysOfWeek.map((day) => nextAllowedAutostart(schedule, now, 1 << day))
}

export type AutostartFacts = { allow_user_autostart: boolean; next_start_at: Date | null }

/**
 * A null `schedule` clears it. An invalid text (`isValid` false) writes nothing.
 *
 * The setting keeps a next start that equals the old one: the trigger would clear it.
 */
export function setAutostart(
  id: string,
  schedule: string | null,
  isValid: boolean,
  request: AuditRequest,
): Statement<ChangeFacts & AutostartFacts> {
  const starts = schedule === null || !isValid ? [] : firstStarts(schedule, request.now)
  const nextStartAt = sql`(select min(s.at)
    from unnest(${instants(starts)}) with ordinality as s (at, day)
    where (x.autostart_days >> (s.day - 1)::int) & 1 = 1)`
  return changeWorkspace<AutostartFacts>(
    id,
    {
      name: "workspaces.set-autostart",
      set: sql`autostart_schedule = ${schedule}::text, next_start_at = ${nextStartAt}`,
      where: sql`${isValid}::boolean and not x.is_prebuild and x.allow_user_autostart
        and (${schedule === null}::boolean or ${nextStartAt} is not null)
        and set_config('dormouse.next_start_of', x.id::text, true) is not null`,
      facts: sql`x.allow_user_autostart, ${nextStartAt} as next_start_at`,
      audited: ["autostart_schedule", "next_start_at"],
    },
    request,
  )
}

export type TtlFacts = { allow_user_autostop: boolean }

/**
 * Null clears it, and the running build's deadline becomes its max deadline. Any other value leaves
 * the deadline alone.
 */
export function setTtl(
  id: string,
  ttlMs: number | null,
  isValid: boolean,
  request: AuditRequest,
): Statement<ChangeFacts & TtlFacts> {
  return changeWorkspace<TtlFacts>(
    id,
    {
      name: "workspaces.set-ttl",
      set: sql`ttl_ms = ${ttlMs}::bigint`,
      where: sql`${isValid}::boolean and not x.is_prebuild and x.allow_user_autostop`,
      facts: sql`x.allow_user_autostop`,
      alsoWith: sql`unbounded as (
        update workspace_builds b
        set deadline = b.max_deadline, updated_at = ${request.now}::timestamptz
        from changed c where b.id = c.latest_build_id and b.transition = 'start'
          and ${ttlMs === null}::boolean
        returning b.id)`,
      audited: ["ttl_ms"],
    },
    request,
  )
}

export type DeadlineFacts = {
  transition: string | null
  job_completed_at: Date | null
  deadline: Date | null
  max_deadline: Date | null
  is_extended: boolean
}

/** The least lead of a new deadline. The message that clients know says 30 minutes. */
export const extendLeadMs = 29 * 60_000

/**
 * Moves the running build's deadline either way, up to its max deadline.
 *
 * The audit trail does not record it, because it changes the build and not the workspace.
 */
export function extendDeadline(
  id: string,
  deadline: Date,
  request: AuditRequest,
): Statement<ChangeFacts & DeadlineFacts> {
  const leastAt = new Date(request.now.getTime() + extendLeadMs)
  const asked = sql`${deadline}::timestamptz`
  const latest = sql`workspace_builds b join provisioner_jobs j on j.id = b.job_id
        where b.id = x.latest_build_id`
  return changeWorkspace<DeadlineFacts>(
    id,
    {
      name: "workspaces.extend",
      set: null,
      where: sql`not x.is_prebuild and ${asked} >= ${leastAt}::timestamptz`,
      alsoWith: sql`extended as (
        update workspace_builds b set deadline = ${asked}, updated_at = ${request.now}::timestamptz
        from changed c, provisioner_jobs j
        where b.id = c.latest_build_id and j.id = b.job_id and b.transition = 'start'
          and j.completed_at is not null and b.deadline is not null
          and ${asked} >= j.completed_at
          and (b.max_deadline is null or ${asked} <= b.max_deadline)
        returning b.id)`,
      facts: sql`(select b.transition from ${latest}) as transition,
        (select j.completed_at from ${latest}) as job_completed_at,
        (select b.deadline from ${latest}) as deadline,
        (select b.max_deadline from ${latest}) as max_deadline,
        exists (select 1 from extended) as is_extended`,
      audited: null,
    },
    request,
  )
}

export type DormancyFacts = { dormant_at: Date | null }

/**
 * Marks a workspace dormant, or wakes it. Does not write one that is already in that state.
 *
 * If the caller marks another person's workspace, its owner is notified. Waking counts as use;
 * marking leaves the last use alone. A running workspace that is marked is stopped by the next
 * tick.
 */
export function setDormant(
  id: string,
  dormant: boolean,
  request: AuditRequest,
): Statement<ChangeFacts & DormancyFacts> {
  const now = sql`${request.now}::timestamptz`
  const marked = sql`dormant_at = ${now},
    deleting_at = case when x.time_til_dormant_autodelete_ms > 0
      then instant_after(${now}, x.time_til_dormant_autodelete_ms) end`
  return changeWorkspace<DormancyFacts>(
    id,
    {
      name: "workspaces.set-dormant",
      set: dormant ? marked : sql`dormant_at = null, deleting_at = null, last_used_at = ${now}`,
      where: sql`not x.is_prebuild and (x.dormant_at is not null) <> ${dormant}::boolean`,
      facts: sql`x.dormant_at`,
      alsoWith: sql`notified as (${outboxInsert(
        {
          templateId: notificationIds.workspaceDormant,
          userId: sql`x.owner_id`,
          labels: sql`jsonb_strip_nulls(jsonb_build_object('name', x.name,
            'reason', 'a ' || (
              select u.username from users u where u.id = actor_id()) || ' request',
            'timeTilDelete', case when x.time_til_dormant_autodelete_ms > 0
              then relative_time(x.time_til_dormant_autodelete_ms) end))`,
          targets: sql`array[x.id, x.owner_id, x.template_id, x.organization_id]`,
          createdBy: "api",
          idempotencyKey: sql`'dormant:' || x.id || ':' || extract(epoch from ${now})`,
        },
        sql`changed c join target x
          on x.id = c.id and ${dormant}::boolean and x.owner_id <> actor_id()`,
        request.now,
      )})`,
      audited: ["dormant_at", "deleting_at", "last_used_at"],
    },
    request,
  )
}
