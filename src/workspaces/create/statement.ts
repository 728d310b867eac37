// Creating a workspace: claims a prebuild or inserts a row, and queues its build, in one statement.
import { sql, type SQL } from "drizzle-orm"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { insertBuilds, wantedBuild } from "../../builds/create/insert-builds.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { type Columns, step, type Step, withSteps } from "../../platform/db/steps.ts"
import { stageInput } from "../../queue/prebuild-stage.ts"
import { pickPrebuild, revokePoolKeys } from "../../pools/claim.ts"
import type { CreatePlan } from "./plan.ts"

export type CreateIds = { workspaceId: string; buildId: string; jobId: string }

export type Created = {
  /**
   * Null if nothing was made: the template changed, or only a prebuild that does not fit was
   * left.
   */
  id: string | null
  was_picked: boolean
  is_claim: boolean | null
}

/**
 * Creates the workspace of a plan, with its build and its audit rows.
 *
 * Precondition: the template is as the plan read it. A claimable prebuild is always preferred. If
 * the plan says that the values do not fit it, nothing is written; there is no fallback. Of two
 * equal names at once, the unique index workspaces_name_live rejects the second. Run twice, the
 * second is rejected in the same way.
 */
export function createWorkspace(
  plan: CreatePlan,
  ids: CreateIds,
  request: AuditRequest,
): Statement<Created> {
  const { now } = request
  const steps = withSteps(templateAsPlanned(plan))
    .add(pickedPrebuild(plan, now))
    .add(revokedKeys(plan))
    .add(claimed(plan, now))
    .add(inserted(plan, ids, now))
    .add(made(plan))
    .add(requests(plan, ids))
    .add(step<Requests, Builds>(insertBuilds(sql`requests`, now)))
    .add(auditedWorkspace(request))
    .add(auditedBuild(request))
  return statement(
    "workspaces.create",
    steps.select(sql`
    select (select m.id from made m) as id,
      exists (select 1 from picked_prebuild) as was_picked,
      exists (select 1 from claimed) as is_claim`),
  )
}

type Template = Columns<"template", "id" | "organization_id">

function templateAsPlanned({ template }: CreatePlan): Step<never, Template> {
  const policy = sql`(${template.autostart_days}::int, ${template.default_ttl_ms}::bigint)`
  return step(sql`template as (
      select t.id, t.organization_id from templates t
      where t.id = ${template.id}::uuid and not t.deleted and t.deprecation_message = ''
        and (t.autostart_days, t.default_ttl_ms) = ${policy}
      for share
    )`)
}

type Picked = Columns<
  "picked_prebuild",
  "id" | "template_id" | "latest_build_id" | "latest_build_number"
>

function pickedPrebuild({ presetId }: CreatePlan, now: Date): Step<Template, Picked> {
  return step(sql`picked_prebuild as (
      ${pickPrebuild({ presetId: sql`${presetId}::uuid`, now })}
    )`)
}

/** The session tokens of the pool end with the claim. */
function revokedKeys({ claim }: CreatePlan): Step<Picked, never> {
  const query = claim.parameters === null ? sql`select 1 where false` : revokePoolKeys
  return step(sql`revoked_pool_keys as (${query})`)
}

type Claimed = Columns<
  "claimed",
  "id" | "name" | "organization_id" | "latest_build_id" | "latest_build_number"
>

function claimed(plan: CreatePlan, now: Date): Step<Template | Picked, Claimed> {
  const isClaimFit = plan.claim.parameters !== null
  return step(sql`claimed as (
      update workspaces w
      set owner_id = ${plan.ownerId}::uuid, name = ${plan.name}, updated_at = ${now}::timestamptz,
        autostart_schedule = ${plan.autostartSchedule}::text,
        next_start_at = ${plan.nextStartAt}::timestamptz, ttl_ms = ${plan.ttlMs}::bigint,
        last_used_at = ${now}::timestamptz, dormant_at = null, deleting_at = null,
        automatic_updates = ${plan.automaticUpdates}
      from picked_prebuild p join template t on t.id = p.template_id
      where w.id = p.id and ${isClaimFit}::boolean
      returning w.id, w.name, w.organization_id, p.latest_build_id, p.latest_build_number
    )`)
}

type Inserted = Columns<"inserted", "id" | "name" | "organization_id">

function inserted(plan: CreatePlan, ids: CreateIds, now: Date): Step<Template | Picked, Inserted> {
  return step(sql`inserted as (
      insert into workspaces (id, owner_id, organization_id, template_id, name,
        autostart_schedule, next_start_at, ttl_ms, automatic_updates,
        last_used_at, created_at, updated_at)
      select ${ids.workspaceId}::uuid, ${plan.ownerId}::uuid, t.organization_id, t.id, ${plan.name},
        ${plan.autostartSchedule}::text, ${plan.nextStartAt}::timestamptz, ${plan.ttlMs}::bigint,
        ${plan.automaticUpdates},
        ${now}::timestamptz, ${now}::timestamptz, ${now}::timestamptz
      from template t where not exists (select 1 from picked_prebuild)
      returning id, name, organization_id
    )`)
}

type Made = Columns<
  "made",
  "id" | "name" | "organization_id" | "latest_build_number" | "state" | "input" | "parameters"
>

/** The workspace, claimed or inserted, with what its build starts from. */
function made(plan: CreatePlan): Step<Claimed | Inserted, Made> {
  return step(sql`made as (
      select c.id, c.name, c.organization_id, c.latest_build_number, b.provisioner_state as state,
        ${json(stageInput("claim"))} as input, ${json(plan.claim.parameters ?? [])} as parameters
      from claimed c join workspace_builds b on b.id = c.latest_build_id
      union all
      select i.id, i.name, i.organization_id, 0, null::bytea, ${json({})},
        ${json(plan.parameters)}
      from inserted i
    )`)
}

type Requests = Columns<"requests", "workspace_id" | "build_id">
type Builds = Columns<"builds", "id" | "workspace_id" | "build_number" | "reason">

function requests(plan: CreatePlan, ids: CreateIds): Step<Made, Requests> {
  const { version } = plan
  return step(sql`requests as (
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
    )`)
}

function auditedWorkspace(request: AuditRequest): Step<Made, never> {
  const row = {
    resourceType: "workspace",
    resourceId: sql`m.id`,
    resourceTarget: sql`m.name`,
    organizationId: sql`m.organization_id`,
    action: "create",
    statusCode: 201,
  }
  return step(sql`audited_workspace as (${auditInsert(request, row, sql`made m`)})`)
}

const buildFields: SQL = sql`jsonb_build_object('workspace_id', m.id, 'workspace_name', m.name,
            'build_number', b.build_number::text, 'build_reason', b.reason)`

function auditedBuild(request: AuditRequest): Step<Made | Builds, never> {
  const row = {
    resourceType: "workspace_build",
    resourceId: sql`b.id`,
    resourceTarget: sql`m.name`,
    organizationId: sql`m.organization_id`,
    action: "start",
    statusCode: 201,
    additionalFields: buildFields,
  }
  const from = sql`builds b join made m on m.id = b.workspace_id`
  return step(sql`audited_build as (${auditInsert(request, row, from)})`)
}
