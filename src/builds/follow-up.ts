// The start that follows a stop (`on_success`).
//
// It is created when the stop succeeds. The sweep creates those that were missed then.
import { sql } from "drizzle-orm"
import { keyMembership, userMay } from "../access/may.ts"
import { nilRequest, type AuditRequest } from "../audit/fragment.ts"
import { type Database, type Statement, statement } from "../platform/db/client.ts"
import { ApiError, forbidden } from "../platform/http/errors.ts"
import { writeEvent } from "../platform/event.ts"
import { notifyDaemons, type WaitingJob } from "../queue/notify/daemons.ts"
import type { Sweep } from "../sweeps.ts"
import { publishWorkspaces } from "../platform/durable/publish.ts"
import { isTemplateOpen, mayBuild } from "./create/context.ts"
import type { FollowUp } from "./create/request.ts"
import { requestBuild } from "./create/create-build.ts"

type Queued = {
  build_id: string
  build_number: number
  workspace_id: string
  initiator_id: string
  on_success: FollowUp
  /** The person who requested it still may start the workspace. */
  is_allowed: boolean
}

/** Follow-ups that one tick makes at most. */
const perTickMax = 100

/**
 * Returns the stops that succeeded, are still the last build, and have a start queued. Uses the
 * index `workspace_builds_follow_up`.
 */
const queuedFollowUps = (buildId: string | null): Statement<Queued> =>
  statement(
    "builds.queued-follow-ups",
    sql`select b.id as build_id, b.build_number, b.workspace_id, b.initiator_id, b.on_success,
      (not u.deleted and u.status <> 'suspended' and ${mayBuild("start", userMay)}
        and ${isTemplateOpen(userMay)}) as is_allowed
    from workspace_builds b join workspaces w on w.id = b.workspace_id and w.latest_build_id = b.id
    join templates t on t.id = w.template_id join users u on u.id = b.initiator_id
    ${keyMembership(sql`w.organization_id`)}
    where b.on_success is not null and (${buildId}::uuid is null or b.id = ${buildId}::uuid)
      and w.latest_job_status = 'succeeded' and not w.deleted
    order by b.updated_at limit ${perTickMax}::int`,
  )

const forgetFollowUp = (buildId: string): Statement<never> =>
  statement(
    "builds.forget-follow-up",
    sql`update workspace_builds set on_success = null where id = ${buildId}::uuid`,
  )

/**
 * Creates the starts that are queued behind one build, or behind all, and adds their jobs to
 * `made`. The caller needs those jobs even if this throws later.
 *
 * A start is created only while the stop is the last build, so a second run changes nothing, and a
 * person who was faster wins. A refused start is dropped: the owner sees a stopped workspace, and
 * nothing is retried each minute.
 */
async function runFollowUps(
  env: Env,
  db: Database,
  request: AuditRequest,
  made: WaitingJob[],
  buildId: string | null = null,
): Promise<{ started: number; refused: number }> {
  const counts = { started: 0, refused: 0 }
  for (const queued of await db.all(queuedFollowUps(buildId))) {
    const requester = {
      session: db,
      initiator: sql`${queued.initiator_id}::uuid`,
      isSystem: true,
      after: queued.build_number,
    }
    try {
      if (!queued.is_allowed) throw forbidden()
      const requested = await requestBuild(
        requester,
        queued.workspace_id,
        toBuildRequest(queued.on_success),
        request,
      )
      counts.started += 1
      made.push(requested.created)
      await publishWorkspaces(env, [queued.workspace_id])
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500) throw error
      counts.refused += 1
      writeEvent({
        event: "follow_up_refused",
        buildId: queued.build_id,
        status: error.status,
        error: error.message,
      })
    }
    await db.all(forgetFollowUp(queued.build_id))
  }
  return counts
}

/** Creates what is queued behind a build that has just ended, and notifies daemons. */
export async function followUp(
  env: Env,
  db: Database,
  request: AuditRequest,
  buildId: string,
): Promise<void> {
  const made: WaitingJob[] = []
  try {
    await runFollowUps(env, db, request, made, buildId)
  } finally {
    await notifyDaemons(env, { db, now: request.now }, made)
  }
}

const toBuildRequest = ({
  template_version_id,
  rich_parameter_values,
  template_version_preset_id,
  allow_data_loss,
}: FollowUp) => ({
  transition: "start" as const,
  template_version_id,
  rich_parameter_values,
  template_version_preset_id,
  allow_data_loss,
})

export const followUpSweep: Sweep = {
  name: "follow-ups",
  run: ({ env, db, now, made }) => runFollowUps(env, db, { now, ...nilRequest }, made),
}
