// Dry runs of a version: a job that plans what given values would make, without making it.
import { type SQL, sql } from "drizzle-orm"
import { actorId, may } from "../../access/may.ts"
import { type ResourceJson, resourcesJson } from "../../agents/views/resources-json.ts"
import { statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import {
  jobJson,
  type JobJson,
  matchedProvisionersJson,
  type MatchedProvisionersJson,
} from "../../queue/view.ts"

export type DryRunInput = {
  workspaceName: string
  parameters: readonly { name: string; value: string }[]
}

export type DryRunAttempt = {
  allowed: boolean
  is_imported: boolean
  /** A daemon has to plan it; otherwise it has ended already. */
  is_queued: boolean
  organization_id: string
  provisioner: string
  tags: Record<string, string>
}

const template = { id: sql`v.template_id`, organization: sql`v.organization_id` }

/**
 * Returns one row if the caller may read the version.
 *
 * The plan of a version of scripts is that of its manifest, whatever the values are, so its dry run
 * ends as it begins. The job is stored all the same, because clients read it again.
 */
export const createDryRun = (versionId: string, jobId: string, input: DryRunInput, now: Date) => {
  const at = sql`${now}::timestamptz`
  return statement<DryRunAttempt>(
    "dry-runs.create",
    sql`with asked as (
      select v.organization_id, v.file_id, j.provisioner, j.tags,
        j.job_status = 'succeeded' as is_imported,
        coalesce(j.engine = 'terraform', false) as is_queued,
        ${may("use", "template", template)} as allowed
      from template_versions v join provisioner_jobs j on j.id = v.job_id
      where v.id = ${versionId}::uuid
        and ${may("read", "template", template)}
    ), created as (
      insert into provisioner_jobs (id, organization_id, initiator_id, type, provisioner, engine,
        file_id, input, tags, created_at, updated_at, started_at, completed_at)
      select ${jobId}::uuid, a.organization_id, ${actorId}, 'template_version_dry_run',
        a.provisioner, case when a.is_queued then 'terraform' else 'script' end, a.file_id,
        ${json({
          template_version_id: versionId,
          workspace_name: input.workspaceName,
          rich_parameter_values: input.parameters,
        })}, a.tags, ${at}, ${at},
        case when not a.is_queued then ${at} end, case when not a.is_queued then ${at} end
      from asked a where a.allowed and a.is_imported
    )
    select allowed, is_imported, is_queued, organization_id, provisioner, tags from asked`,
  )
}

/** True for a job `j` that is the caller's dry run, or one of a template that they may change. */
const isReadable = (versionId: string, jobId: string): SQL => sql`j.id = ${jobId}::uuid
  and j.type = 'template_version_dry_run' and j.input ->> 'template_version_id' = ${versionId}
  and (j.initiator_id = ${actorId}
    or ${may("update", "template", { organization: sql`j.organization_id` })})`

export type DryRunRow = {
  job_id: string
  job: JobJson
  matched: MatchedProvisionersJson
}

export const dryRunById = (versionId: string, jobId: string, now: Date) =>
  statement<DryRunRow>(
    "dry-runs.by-id",
    sql`select j.id as job_id, ${jobJson("j", now)} as job,
      ${matchedProvisionersJson("j")} as matched
    from provisioner_jobs j where ${isReadable(versionId, jobId)}`,
  )

export const dryRunResources = (versionId: string, jobId: string, now: Date) =>
  statement<{ is_complete: boolean; resources: ResourceJson[] }>(
    "dry-runs.resources",
    sql`select j.completed_at is not null as is_complete,
      ${resourcesJson(sql`j.id`, now)} as resources
    from provisioner_jobs j where ${isReadable(versionId, jobId)}`,
  )

export type DryRunCancel = { completed: boolean; canceled: boolean; done: boolean }

/**
 * Returns one row if the caller may read the dry run. A pending one ends at once; otherwise its
 * daemon is notified with its next update. The job is locked, so a completion at the same time wins
 * or loses whole.
 */
export const cancelDryRun = (versionId: string, jobId: string, now: Date) =>
  statement<DryRunCancel>(
    "dry-runs.cancel",
    sql`with asked as (
      select j.id, j.completed_at is not null as completed, j.canceled_at is not null as canceled
      from provisioner_jobs j where ${isReadable(versionId, jobId)} for update of j
    ), changed as (
      update provisioner_jobs j set canceled_at = ${now}::timestamptz,
        completed_at = case when j.started_at is null then ${now}::timestamptz end
      from asked a where j.id = a.id and not a.completed and not a.canceled
      returning j.id
    )
    select a.completed, a.canceled, exists (select 1 from changed) as done from asked a`,
  )
