// Creating a workspace: a prebuild is claimed or a row is made, its build is queued, both are recorded; all in one statement.
import { sql } from "drizzle-orm"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { insertBuilds, wantedBuild } from "../../builds/create/insert-builds.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { stageInput } from "../../queue/prebuild-stage.ts"
import { pickPrebuild, revokePoolKeys } from "../../pools/claim.ts"
import type { CreatePlan } from "./plan.ts"

export type CreateIds = { workspaceId: string; buildId: string; jobId: string }

export type Created = {
  /** Null when nothing was made: the template changed under the plan, or only an unfit prebuild was there. */
  id: string | null
  was_picked: boolean
  is_claim: boolean | null
}

/**
 * Precondition: the template is as the plan read it. A claimable prebuild is always preferred; where the plan says that the asked
 * values do not fit it, nothing is written (there is no fallback). Two of one name at once: the unique index
 * workspaces_name_live fails the second. Run twice, the second fails likewise.
 */
export function createWorkspace(
  plan: CreatePlan,
  ids: CreateIds,
  request: AuditRequest,
): Statement<Created> {
  const { now } = request
  const { template, version } = plan
  const claimParameters = plan.claim.parameters
  const isClaimFit = claimParameters !== null
  const revoked = isClaimFit ? sql`revoked_pool_keys as (${revokePoolKeys}),` : sql``
  const settings = {
    schedule: sql`${plan.autostartSchedule}::text`,
    nextStartAt: sql`${plan.nextStartAt}::timestamptz`,
    ttlMs: sql`${plan.ttlMs}::bigint`,
    now: sql`${now}::timestamptz`,
  }
  return statement(
    "workspaces.create",
    sql`with template as (
      select t.id, t.organization_id from templates t
      where t.id = ${template.id}::uuid and not t.deleted and t.deprecation_message = ''
        and (t.autostart_days, t.default_ttl_ms) = (${template.autostart_days}::int, ${template.default_ttl_ms}::bigint)
      for share
    ), picked_prebuild as (
      ${pickPrebuild({ presetId: sql`${plan.presetId}::uuid`, now })}
    ), ${revoked} claimed as (
      update workspaces w set owner_id = ${plan.ownerId}::uuid, name = ${plan.name}, updated_at = ${settings.now},
        autostart_schedule = ${settings.schedule}, next_start_at = ${settings.nextStartAt}, ttl_ms = ${settings.ttlMs},
        last_used_at = ${settings.now}, dormant_at = null, deleting_at = null, automatic_updates = ${plan.automaticUpdates}
      from picked_prebuild p join template t on t.id = p.template_id
      where w.id = p.id and ${isClaimFit}::boolean
      returning w.id, w.name, w.organization_id, p.latest_build_id, p.latest_build_number
    ), inserted as (
      insert into workspaces (id, owner_id, organization_id, template_id, name, autostart_schedule, next_start_at, ttl_ms,
        last_used_at, automatic_updates, created_at, updated_at)
      select ${ids.workspaceId}::uuid, ${plan.ownerId}::uuid, t.organization_id, t.id, ${plan.name}, ${settings.schedule},
        ${settings.nextStartAt}, ${settings.ttlMs}, ${settings.now}, ${plan.automaticUpdates}, ${settings.now}, ${settings.now}
      from template t where not exists (select 1 from picked_prebuild)
      returning id, name, organization_id
    ), made as (
      select c.id, c.name, c.organization_id, c.latest_build_number, b.provisioner_state as state,
        ${json(stageInput("claim"))} as input, ${json(claimParameters ?? [])} as parameters
      from claimed c join workspace_builds b on b.id = c.latest_build_id
      union all
      select i.id, i.name, i.organization_id, 0, null::bytea, ${json({})}, ${json(plan.parameters)} from inserted i
    ), requests as (
      select ${wantedBuild({
        workspace_id: sql`m.id`,
        organization_id: sql`m.organization_id`,
        build_id: sql`${ids.buildId}`,
        job_id: sql`${ids.jobId}`,
        build_number: sql`m.latest_build_number + 1`,
        transition: sql`'start'`,
        reason: sql`'initiator'`,
        initiator_id: sql`actor_id()`,
        template_version_id: sql`${version.id}`,
        preset_id: sql`${plan.presetId}`,
        state: sql`m.state`,
        file_id: sql`${version.file_id}`,
        provisioner: sql`${version.provisioner}`,
        tags: json(plan.tags),
        input: sql`m.input`,
        parameters: sql`m.parameters`,
      })}
      from made m
    ), ${insertBuilds(sql`requests`, now)}, audited_workspace as (
      ${auditInsert(
        request,
        {
          resourceType: "workspace",
          resourceId: sql`m.id`,
          resourceTarget: sql`m.name`,
          organizationId: sql`m.organization_id`,
          action: "create",
          statusCode: 201,
        },
        sql`made m`,
      )}
    ), audited_build as (
      ${auditInsert(
        request,
        {
          resourceType: "workspace_build",
          resourceId: sql`b.id`,
          resourceTarget: sql`m.name`,
          organizationId: sql`m.organization_id`,
          action: "start",
          statusCode: 201,
          additionalFields: sql`jsonb_build_object('workspace_id', m.id, 'workspace_name', m.name,
            'build_number', b.build_number::text, 'build_reason', b.reason)`,
        },
        sql`builds b join made m on m.id = b.workspace_id`,
      )}
    )
    select (select m.id from made m) as id, exists (select 1 from picked_prebuild) as was_picked,
      exists (select 1 from claimed) as is_claim`,
  )
}
