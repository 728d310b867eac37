// Random workspaces, in bulk: a template, an owner, builds and jobs in any state that the database
// accepts.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import * as fc from "fast-check"
import { nextAllowedAutostart } from "../../../src/schedule/autostart.ts"
import { query } from "../harness.ts"
import type { Facts } from "./model.ts"

const minuteMs = 60_000
const hourMs = 60 * minuteMs

export type Sample = {
  userStatus: "active" | "suspended" | "dormant"
  isPrebuild: boolean
  deleted: boolean
  templateIndex: number
  schedule: string | null
  nextStart: "none" | "true" | "stale"
  lastUsedAgoMs: number | null
  dormantAgoMs: number | null
  deletingInMs: number | null
  transition: "start" | "stop" | "delete"
  createdAgoMs: number
  deadlineInMs: number | null
  maxDeadlineAfterMs: number | null
  isReminded: boolean
  status: "pending" | "running" | "succeeded" | "failed" | "canceling" | "canceled"
  completedAgoMs: number
}

export type TemplateSample = {
  allowUserAutostart: boolean
  autostartDays: number
  failureTtlMs: number
  timeTilDormantMs: number
  timeTilDormantAutodeleteMs: number
  timeTilAutostopNotifyMs: number
  activityBumpMs: number
}

/** Durations whose ends meet the tick often: whole minutes, and a millisecond to either side. */
const span = (maxMinutes: number) =>
  fc
    .tuple(fc.integer({ min: 0, max: maxMinutes }), fc.constantFrom(-1, 0, 1))
    .map(([minutes, off]) => Math.max(0, minutes * minuteMs + off))
const off = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2 })
const policy = (...ms: number[]) => fc.constantFrom(0, ...ms)

export const templateSample: fc.Arbitrary<TemplateSample> = fc.record({
  allowUserAutostart: fc.boolean(),
  autostartDays: fc.oneof(fc.constant(127), fc.integer({ min: 0, max: 127 })),
  failureTtlMs: policy(minuteMs, 10 * minuteMs),
  timeTilDormantMs: policy(30 * minuteMs, 2 * hourMs),
  timeTilDormantAutodeleteMs: policy(hourMs, 24 * hourMs),
  timeTilAutostopNotifyMs: policy(10 * minuteMs, hourMs),
  activityBumpMs: policy(hourMs),
})

const schedules = [
  "CRON_TZ=UTC 0 12 * * *",
  "CRON_TZ=America/New_York 30 7 * * 1-5",
  "CRON_TZ=Asia/Kolkata 0 * * * *",
  "CRON_TZ=Australia/Lord_Howe 15 2 * * 0",
  "* * * * *",
]

export const workspaceSample: fc.Arbitrary<Sample> = fc.record({
  userStatus: fc.constantFrom(
    "active",
    "active",
    "active",
    "active",
    "active",
    "suspended",
    "dormant",
  ),
  isPrebuild: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  deleted: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  templateIndex: fc.nat({ max: 3 }),
  schedule: off(fc.constantFrom(...schedules)),
  nextStart: fc.constantFrom("none", "true", "true", "stale"),
  lastUsedAgoMs: fc.option(fc.oneof(span(20), span(180)), { freq: 12 }),
  dormantAgoMs: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: span(120) },
  ),
  deletingInMs: off(span(60).map((ms) => ms - 30 * minuteMs)),
  transition: fc.constantFrom("start", "start", "stop", "stop", "delete"),
  createdAgoMs: span(26 * 60),
  deadlineInMs: fc.oneof(
    fc.constant(null),
    span(180).map((ms) => ms - hourMs),
    // Within the lead of a reminder, which little else leads to.
    span(60),
  ),
  maxDeadlineAfterMs: off(span(60)),
  isReminded: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  status: fc.constantFrom(
    "succeeded",
    "succeeded",
    "succeeded",
    "failed",
    "failed",
    "canceled",
    "pending",
    "running",
    "canceling",
  ),
  completedAgoMs: span(26 * 60),
})

export async function insertTemplates(
  creatorTemplateId: string,
  samples: readonly TemplateSample[],
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    `insert into templates (id, organization_id, name, active_version_id, created_by, created_at,
      updated_at, allow_user_autostart,
       autostart_days, failure_ttl_ms, time_til_dormant_ms, time_til_dormant_autodelete_ms,
         time_til_autostop_notify_ms, activity_bump_ms)
     select gen_random_uuid(), b.organization_id, 'm' || gen_random_uuid(), b.active_version_id,
       b.created_by, b.created_at, b.updated_at,
       s."allowUserAutostart", s."autostartDays", s."failureTtlMs", s."timeTilDormantMs",
         s."timeTilDormantAutodeleteMs",
       s."timeTilAutostopNotifyMs", s."activityBumpMs"
     from templates b, jsonb_to_recordset($2::jsonb) as s ("allowUserAutostart" bool,
       "autostartDays" int, "failureTtlMs" bigint,
       "timeTilDormantMs" bigint, "timeTilDormantAutodeleteMs" bigint,
         "timeTilAutostopNotifyMs" bigint, "activityBumpMs" bigint, n bigint)
     where b.id = $1 order by n returning id`,
    [creatorTemplateId, JSON.stringify(samples.map((sample, n) => ({ ...sample, n })))],
  )
  return rows.map(({ id }) => id)
}

/** Inserts the samples as they are at `now`, each with an owner of its own. */
export async function insertWorkspaces(
  samples: readonly Sample[],
  templateIds: readonly string[],
  templates: readonly TemplateSample[],
  now: Date,
): Promise<string[]> {
  const rows = samples.map((sample) => toRow(sample, templateIds, templates, now))
  // First, because a workspace copies its owner's name when it is inserted.
  await query(
    `insert into users (id, username, email, status, created_at, updated_at)
     select s.new_owner, 'u' || s.new_owner, s.new_owner || '@example.test', s.status, s.created,
       s.created
     from jsonb_to_recordset($1::jsonb) as s (new_owner uuid, status text, created timestamptz)`,
    [JSON.stringify(rows)],
  )
  await query(
    `with s as materialized (
       select * from jsonb_to_recordset($1::jsonb) as s (id uuid, owner_id uuid, new_owner uuid,
         status text, template_id uuid, schedule text,
         next_start timestamptz, last_used timestamptz, dormant timestamptz, deleting timestamptz,
           deleted bool, build uuid, job uuid,
         transition text, created timestamptz, deadline timestamptz, max_deadline timestamptz,
           reminded timestamptz,
         started timestamptz, updated timestamptz, canceled timestamptz, completed timestamptz,
           error text)
     ), j as (
       insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input, tags,
         created_at, updated_at, started_at,
         canceled_at, completed_at, error)
       select s.job, t.organization_id, s.new_owner, 'workspace_build', v.file_id, '{}',
         '{"scope":"organization","owner":""}', s.updated,
         s.updated, s.started, s.canceled, s.completed, s.error
       from s join templates t on t.id = s.template_id join template_versions v on v.id
         = t.active_version_id
     ), w as (
       insert into workspaces (id, owner_id, organization_id, template_id, name,
         autostart_schedule, next_start_at, last_used_at, dormant_at,
         deleting_at, deleted, created_at, updated_at)
       select s.id, s.owner_id, t.organization_id, s.template_id, 'w' || s.id, s.schedule,
         s.next_start, s.last_used, s.dormant, s.deleting,
         s.deleted, s.created, s.created
       from s join templates t on t.id = s.template_id
     )
     insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition,
       initiator_id, job_id, deadline,
       max_deadline, notified_autostop_deadline, created_at, updated_at)
     select s.build, s.id, t.active_version_id, 1, s.transition, s.new_owner, s.job, s.deadline,
       s.max_deadline, s.reminded, s.created,
       s.created
     from s join templates t on t.id = s.template_id`,
    [JSON.stringify(rows)],
  )
  return rows.map(({ id }) => id)
}

function toRow(
  sample: Sample,
  templateIds: readonly string[],
  templates: readonly TemplateSample[],
  now: Date,
) {
  const ago = (ms: number | null) => (ms === null ? null : new Date(now.getTime() - ms))
  const ahead = (ms: number | null) => (ms === null ? null : new Date(now.getTime() + ms))
  const template = templates[sample.templateIndex]
  const isLive = !sample.isPrebuild
  const dormant = isLive ? ago(sample.dormantAgoMs) : null
  const created = new Date(now.getTime() - Math.max(sample.createdAgoMs, sample.completedAgoMs))
  const deadline = ahead(sample.deadlineInMs)
  const isOver = ["succeeded", "failed", "canceled"].includes(sample.status)
  const newOwner = crypto.randomUUID()
  const occurrence = (from: Date) =>
    sample.schedule === null
      ? null
      : nextAllowedAutostart(sample.schedule, from, template?.autostartDays ?? 0)
  const nextStarts = {
    none: null,
    true: occurrence(created),
    stale: occurrence(new Date(created.getTime() - 48 * hourMs)),
  }
  return {
    id: crypto.randomUUID(),
    owner_id: sample.isPrebuild ? prebuildsUserId : newOwner,
    new_owner: newOwner,
    status: sample.userStatus,
    template_id: templateIds[sample.templateIndex],
    schedule: isLive ? sample.schedule : null,
    next_start:
      isLive && dormant === null
        ? validNextStart(nextStarts[sample.nextStart], sample, created)
        : null,
    last_used: ago(sample.lastUsedAgoMs),
    dormant,
    deleting: dormant === null ? null : ahead(sample.deletingInMs),
    deleted: sample.deleted,
    build: crypto.randomUUID(),
    job: crypto.randomUUID(),
    transition: sample.transition,
    created,
    deadline,
    max_deadline:
      deadline === null || sample.maxDeadlineAfterMs === null
        ? null
        : new Date(deadline.getTime() + sample.maxDeadlineAfterMs),
    reminded: sample.isReminded ? deadline : null,
    started: sample.status === "pending" ? null : created,
    // Active jobs are alive, or the reaper would end them before the rules run.
    updated: now,
    canceled: sample.status.startsWith("cancel") ? ago(sample.completedAgoMs) : null,
    completed: isOver ? ago(sample.completedAgoMs) : null,
    error: sample.status === "failed" ? "failed" : null,
  }
}

/** A stale next start is one of an earlier build: never after the present one was created. */
function validNextStart(at: Date | null, sample: Sample, created: Date): Date | null {
  return sample.nextStart === "stale" && at !== null && at > created ? null : at
}

/** What the model needs to know of each workspace, as it is now, and its bound. */
export async function readFacts(
  ids: readonly string[],
): Promise<Map<string, Facts & { checkAt: Date | null; builds: number }>> {
  const rows = await query(
    `select w.id, w.owner_id, w.deleted, u.status as user_status, w.autostart_schedule,
      w.next_start_at, w.last_used_at, w.dormant_at,
       w.deleting_at, case when isfinite(w.check_at) then w.check_at end as check_at,
       case when w.check_at = 'infinity' then 1 when w.check_at = '-infinity' then -1
         else 0 end as endless, w.check_at is null as unchecked,
       row_to_json(t) as t, b.transition, b.created_at, b.deadline, b.max_deadline,
         b.notified_autostop_deadline, b.reason, b.build_number,
       j.job_status, j.completed_at, j.canceled_at
     from workspaces w join users u on u.id = w.owner_id join templates t on t.id = w.template_id
     left join workspace_builds b on b.id = w.latest_build_id left join provisioner_jobs j on j.id
       = b.job_id
     where w.id = any($1::uuid[])`,
    [ids],
  )
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        isPrebuild: row.owner_id === prebuildsUserId,
        deleted: row.deleted,
        userStatus: row.user_status,
        workspace: {
          autostartSchedule: row.autostart_schedule,
          nextStartAt: row.next_start_at,
          lastUsedAt: row.last_used_at,
          dormantAt: row.dormant_at,
          deletingAt: row.deleting_at,
        },
        template: {
          allowUserAutostart: row.t.allow_user_autostart,
          autostartDays: row.t.autostart_days,
          failureTtlMs: row.t.failure_ttl_ms,
          timeTilDormantMs: row.t.time_til_dormant_ms,
          timeTilDormantAutodeleteMs: row.t.time_til_dormant_autodelete_ms,
          timeTilAutostopNotifyMs: row.t.time_til_autostop_notify_ms,
          activityBumpMs: row.t.activity_bump_ms,
        },
        build:
          row.transition === null
            ? null
            : {
                transition: row.transition,
                createdAt: row.created_at,
                deadlineAt: row.deadline,
                maxDeadlineAt: row.max_deadline,
                remindedFor: row.notified_autostop_deadline,
              },
        job: { status: row.job_status, completedAt: row.completed_at, canceledAt: row.canceled_at },
        checkAt: row.unchecked
          ? null
          : row.endless === 0
            ? row.check_at
            : new Date(row.endless * 8.64e15),
        builds: row.build_number ?? 0,
        reason: row.reason,
      },
    ]),
  )
}
