// Recomputes deadlines and next starts after a template's schedule changed.
//
// Both need a calendar, so they are computed here, in batches. The change leaves a mark on the
// template (schedule_changed_at), and each batch notes how far it came (schedule_followed_to). The
// mark is cleared once all workspaces have followed. The next tick does what a request left over.
import { sql } from "drizzle-orm"
import { type Database, statement } from "../../platform/db/client.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type { workspaceBuilds, workspaces } from "../../platform/db/schema/workspaces.ts"
import { instants, texts, uuids } from "../../platform/db/sql.ts"
import { nilUuid } from "../../platform/http/wire.ts"
import { nextAllowedAutostart } from "../../schedule/autostart.ts"
import { quietHoursOf } from "../../schedule/quiet-hours.ts"
import { recalculateRunningBuild } from "../../schedule/running-build.ts"
import type { Sweep } from "../../sweeps.ts"
import {
  autostopPolicyOf,
  selectSettings,
  type ScheduleSettings,
  type TemplateColumns,
} from "./columns.ts"
import { scheduledNames } from "./fields.ts"

const batchSizeMax = 1000
/** Batches of one template in one call: few while a person waits for the answer. */
const batchesOfRequestMax = 10
const batchesOfTickMax = 200
const templatesOfTickMax = 20
/** A batch is read again if another transaction wrote its rows in between: no row is skipped. */
const triesMax = 3

type Build = Pick<RowOf<typeof workspaceBuilds>, "transition" | "deadline" | "max_deadline">

type Follower = ScheduleSettings &
  Pick<
    RowOf<typeof workspaces>,
    "id" | "autostart_schedule" | "next_start_at" | "dormant_at" | "ttl_ms"
  > & { [K in keyof Build]: Build[K] | null } & {
    build_id: string | null
    job_status: string | null
    completed_at: Date | null
    quiet_hours_schedule: string
  }

type Change = Pick<TemplateColumns, "schedule_changed_starts" | "schedule_followed_to"> & {
  template_id: string
  schedule_changed_at: Date
}

/** Templates whose workspaces have not all followed: a request died, or could not take them all. */
export const templateChangesSweep: Sweep = {
  name: "template_changes",
  async run({ db, now }) {
    const changes = await db.all(
      statement<{ id: string }>(
        "templates.unfollowed",
        sql`select id from templates where schedule_changed_at is not null
          order by schedule_changed_at limit ${templatesOfTickMax}::int`,
      ),
    )
    let followed = 0
    for (const { id } of changes)
      followed += await followScheduleChange(db, id, now, batchesOfTickMax)
    return { templates: changes.length, workspaces: followed }
  },
}

/**
 * Brings the template's workspaces in line with its schedule, and returns how many changed.
 *
 * It is safe to repeat this and to run it twice at once: a value is written only where its inputs
 * are still those that were read.
 */
export async function followScheduleChange(
  db: Database,
  templateId: string,
  now: Date,
  batchesMax = batchesOfRequestMax,
): Promise<number> {
  const [change] = await db.all(
    statement<Change>(
      "templates.schedule-change",
      sql`select id as template_id, schedule_changed_at, schedule_changed_starts,
          schedule_followed_to
        from templates where id = ${templateId}::uuid and schedule_changed_at is not null`,
    ),
  )
  if (change === undefined) return 0
  let changed = 0
  let tries = 0
  let after = change.schedule_followed_to ?? nilUuid
  for (let batch = 0; batch < batchesMax; batch++) {
    const followers = await db.all(readFollowers(change, after))
    const last = followers.at(-1)
    if (last === undefined) {
      await db.all(clearChange(change))
      return changed
    }
    const written = await writeFollowers(db, change, after, followers, now)
    changed += written.changed
    tries += 1
    if (!written.isComplete && tries < triesMax) continue
    tries = 0
    after = last.id
  }
  return changed
}

/**
 * Reads the workspaces that run and, if the allowed days changed, those with an autostart schedule.
 * Uses the index workspaces_template.
 */
function readFollowers(change: Change, after: string) {
  return statement<Follower>(
    "templates.read-followers",
    sql`select w.id, w.autostart_schedule, w.next_start_at, w.dormant_at, w.ttl_ms,
        b.id as build_id, b.transition, b.deadline, b.max_deadline, j.job_status, j.completed_at,
        u.quiet_hours_schedule, ${selectSettings(sql`t`, scheduledNames)}
      from workspaces w
      join templates t on t.id = w.template_id
      join users u on u.id = w.owner_id
      left join workspace_builds b on b.id = w.latest_build_id
      left join provisioner_jobs j on j.id = b.job_id
      where w.template_id = ${change.template_id}::uuid and not w.deleted
        and w.owner_id <> prebuilds_user_id() and w.id > ${after}::uuid
        and (b.transition = 'start' and j.completed_at is not null
          or ${change.schedule_changed_starts}::boolean and w.autostart_schedule is not null)
      order by w.id limit ${batchSizeMax}::int`,
  )
}

/**
 * Writes, in one transaction, the values and that all workspaces up to `after` have followed.
 * `isComplete` says that no row changed between the reading and the writing.
 */
async function writeFollowers(
  db: Database,
  change: Change,
  after: string,
  followers: readonly Follower[],
  now: Date,
): Promise<{ changed: number; isComplete: boolean }> {
  const builds = followers.flatMap((follower) => deadlinesOf(follower, now))
  const starts = followers.flatMap((follower) => nextStartOf(follower, now))
  const [changedBuilds, changedStarts] = await db.batch([
    statement<{ id: string }>(
      "templates.write-deadlines",
      sql`update workspace_builds b set deadline = n.deadline, max_deadline = n.max_deadline,
          updated_at = ${now}::timestamptz
        from unnest(${uuids(builds.map((row) => row.id))},
          ${instants(builds.map((row) => row.deadline))},
          ${instants(builds.map((row) => row.maxDeadline))},
          ${instants(builds.map((row) => row.oldDeadline))},
          ${instants(builds.map((row) => row.oldMaxDeadline))})
          as n (id, deadline, max_deadline, old_deadline, old_max_deadline)
        where b.id = n.id and (b.deadline, b.max_deadline)
          is not distinct from (n.old_deadline, n.old_max_deadline)
        returning b.id`,
    ),
    statement<{ id: string }>(
      "templates.write-next-starts",
      sql`update workspaces w set next_start_at = n.next_start_at
        from unnest(${uuids(starts.map((row) => row.id))},
          ${texts(starts.map((row) => row.schedule))},
          ${instants(starts.map((row) => row.nextStartAt))},
          ${instants(starts.map((row) => row.oldNextStartAt))})
          as n (id, schedule, next_start_at, old_next_start_at)
        where w.id = n.id and w.autostart_schedule = n.schedule and w.dormant_at is null
          and w.next_start_at is not distinct from n.old_next_start_at
        returning w.id`,
    ),
    statement<{ id: string }>(
      "templates.followed-to",
      sql`update templates set schedule_followed_to = ${after}::uuid
        where id = ${change.template_id}::uuid
          and schedule_changed_at = ${change.schedule_changed_at}::timestamptz
        returning id`,
    ),
  ])
  const written = changedBuilds.length + changedStarts.length
  return { changed: written, isComplete: written === builds.length + starts.length }
}

const isSame = (a: Date | null, b: Date | null) => a?.getTime() === b?.getTime()

function deadlinesOf(follower: Follower, now: Date) {
  if (
    follower.build_id === null ||
    follower.transition !== "start" ||
    follower.completed_at === null
  )
    return []
  const quietHours = quietHoursOf(follower.quiet_hours_schedule)
  const change = recalculateRunningBuild({
    now,
    completedAt: follower.completed_at,
    workspace: { ttlMs: follower.ttl_ms, autostartSchedule: follower.autostart_schedule },
    template: autostopPolicyOf(follower),
    quietHours: quietHours.ok ? quietHours.quietHours : null,
    build: {
      deadlineAt: follower.deadline,
      maxDeadlineAt: follower.max_deadline,
      isPrebuild: false,
      jobStatus: follower.job_status ?? "",
    },
  })
  if (change.kind !== "update") return []
  const { deadlineAt, maxDeadlineAt } = change
  if (isSame(deadlineAt, follower.deadline) && isSame(maxDeadlineAt, follower.max_deadline))
    return []
  return [
    {
      id: follower.build_id,
      deadline: deadlineAt,
      maxDeadline: maxDeadlineAt,
      oldDeadline: follower.deadline,
      oldMaxDeadline: follower.max_deadline,
    },
  ]
}

/** A dormant workspace has no next start; waking it computes one. */
function nextStartOf(
  { id, autostart_schedule, autostart_days, next_start_at, dormant_at }: Follower,
  now: Date,
) {
  if (autostart_schedule === null || dormant_at !== null) return []
  const nextStartAt = nextAllowedAutostart(autostart_schedule, now, autostart_days)
  if (isSame(nextStartAt, next_start_at)) return []
  return [{ id, schedule: autostart_schedule, nextStartAt, oldNextStartAt: next_start_at }]
}

/** Clears the mark unless a later change set it again. */
function clearChange(change: Change) {
  return statement<{ id: string }>(
    "templates.followed",
    sql`update templates set schedule_changed_at = null, schedule_changed_starts = false,
        schedule_followed_to = null
      where id = ${change.template_id}::uuid
        and schedule_changed_at = ${change.schedule_changed_at}::timestamptz
      returning id`,
  )
}
