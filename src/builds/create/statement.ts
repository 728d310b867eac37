// The statement that creates a build: it locks the workspace, wakes it, and queues the job.
import { type SQL, sql } from "drizzle-orm"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { type Statement, statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { aliveSince } from "../../queue/matching.ts"
import { tagsMatch } from "../../queue/matching.ts"
import { mayBuild } from "./context.ts"
import { buildAudit, deletionNotice, endedBuilds } from "../ended-builds.ts"
import { insertBuilds, wantedBuild } from "./insert-builds.ts"
import type { BuildPlan } from "./plan.ts"
import { updateNotice } from "../update-notice.ts"

export type BuildIds = { buildId: string; jobId: string }
export type CreatedBuild = {
  id: string
  organization_id: string
  provisioner: string
  tags: Record<string, string>
}

/**
 * Returns one row if the build was created.
 *
 * Preconditions, on the locked row of the workspace: the plan's last build is still the last, and
 * not active. The workspace is not deleted, or this is a delete. The caller may, and the template
 * still requires the same version. If two run at once, the second waits for the lock and finds the
 * number taken, as does a second run. `isSystem` skips the permission: it is for follow-ups.
 */
export function createBuild(
  plan: BuildPlan,
  ids: BuildIds,
  initiator: SQL,
  request: AuditRequest,
  isSystem = false,
): Statement<CreatedBuild> {
  const { now } = request
  const { template, version, transition } = plan
  const at = sql`${now}::timestamptz`
  const allowed = isSystem ? sql`true` : mayBuild(transition)
  const notice = plan.isUpdate ? sql`${updateNotice(version.id, initiator, now)},` : sql``
  return statement(
    "builds.create",
    sql`with locked as (
      select w.id, w.name, w.organization_id, w.latest_build_id, w.latest_build_number,
        w.dormant_at is not null as is_dormant
      from workspaces w join templates t on t.id = w.template_id
      where w.id = ${plan.workspaceId}::uuid and w.latest_build_number = ${plan.lastNumber}::int
        and (w.latest_job_status is null or not job_is_active(w.latest_job_status))
        and (not w.deleted or ${transition === "delete"}) and ${allowed}
        and t.active_version_id = ${template.active_version_id}::uuid
        and t.require_active_version = ${template.require_active_version}::boolean
      for update of w
    ), woken as (
      update workspaces w set dormant_at = null, deleting_at = null,
        last_used_at = greatest(w.last_used_at, ${at}), updated_at = ${at}
      from locked l where ${transition === "start"} and w.id = l.id and l.is_dormant
      returning w.id, w.name, w.organization_id
    ), requests as (
      select ${wantedBuild({
        workspace_id: sql`l.id`,
        organization_id: sql`l.organization_id`,
        build_id: sql`${ids.buildId}`,
        job_id: sql`${ids.jobId}`,
        build_number: sql`l.latest_build_number + 1`,
        transition: sql`${transition}`,
        reason: sql`${plan.reason}`,
        initiator_id: initiator,
        template_version_id: sql`${version.id}`,
        preset_id: sql`${plan.presetId}`,
        state: stateOf(plan),
        file_id: sql`${version.file_id}`,
        provisioner: sql`${template.provisioner}`,
        tags: json(plan.tags),
        input: json(plan.input),
        on_success: plan.onSuccess === null ? sql`null` : json(plan.onSuccess),
        parameters: json(plan.parameters),
      })}
      from locked l
    ), ${insertBuilds(sql`requests`, now)}, ${notice} audited as (
      ${auditInsert(
        request,
        {
          resourceType: "workspace",
          resourceId: sql`k.id`,
          resourceTarget: sql`k.name`,
          organizationId: sql`k.organization_id`,
          userId: initiator,
          action: "write",
          diff: json({ dormant_at: { old: "set", new: null, secret: false } }),
        },
        sql`woken k`,
      )}
    )
    select b.id, j.organization_id, j.provisioner, j.tags from builds b join jobs j
      on j.id = b.job_id`,
  )
}

function stateOf({ state }: BuildPlan): SQL {
  if (state.kind === "none") return sql`null::bytea`
  if (state.kind === "given") return sql`${state.bytes}::bytea`
  return sql`(select p.provisioner_state from workspace_builds p where p.id = l.latest_build_id)`
}

/**
 * Ends an orphaned delete that no live daemon could take: its job is complete and the workspace
 * deleted. It runs in the batch of {@link createBuild}, after it. Returns no row if such a daemon
 * is alive: that one gets a normal job with an empty state.
 */
export function endOrphan(jobId: string, request: AuditRequest): Statement<{ id: string }> {
  const at = sql`${request.now}::timestamptz`
  return statement(
    "builds.end-orphan",
    sql`with ended as (
      update provisioner_jobs j set started_at = ${at}, completed_at = ${at}, updated_at = ${at}
      where j.id = ${jobId}::uuid and j.started_at is null and j.completed_at is null
        and not exists (
        select 1 from provisioner_daemons d
        where d.organization_id = j.organization_id and j.provisioner = any (d.provisioners)
          and d.last_seen_at >= ${aliveSince(request.now)}::timestamptz
            and ${tagsMatch(sql`j.tags`, sql`d.tags`)})
      returning j.id
    ), ${endedBuilds()}, gone as (
      update workspaces w set deleted = true from ended_builds e where w.id = e.workspace_id
        returning w.id
    ), parted as (
      update workspace_agents a set deleted = true from ended_builds e
      where a.workspace_id = e.workspace_id and not a.deleted
    ), ${deletionNotice(request.now)}, ${buildAudit(request, 200)}
    select id from ended`,
  )
}
