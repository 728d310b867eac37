// Dry runs of a version: a job that ends as it begins, since the plan of the manifest is known without one.
import { sql } from "drizzle-orm"
import { actorId, may } from "../../access/may.ts"
import { statement } from "../../platform/db/client.ts"
import { jobJson, type JobJson } from "../../queue/view.ts"

export type DryRunAttempt = { allowed: boolean; is_imported: boolean }

/** One row where the caller may read the version. The job is recorded so that clients can ask for it again. */
export const createDryRun = (versionId: string, jobId: string, now: Date) =>
  statement<DryRunAttempt>(
    "dry-runs.create",
    sql`with asked as (
      select v.organization_id, v.file_id, j.provisioner, j.tags, j.job_status = 'succeeded' as is_imported,
        ${may("use", "template", { id: sql`v.template_id`, organization: sql`v.organization_id` })} as allowed
      from template_versions v join provisioner_jobs j on j.id = v.job_id
      where v.id = ${versionId}::uuid
        and ${may("read", "template", { id: sql`v.template_id`, organization: sql`v.organization_id` })}
    ), created as (
      insert into provisioner_jobs (id, organization_id, initiator_id, type, provisioner, file_id, input, tags, created_at,
        updated_at, started_at, completed_at)
      select ${jobId}::uuid, a.organization_id, ${actorId}, 'template_version_dry_run', a.provisioner, a.file_id,
        jsonb_build_object('template_version_id', ${versionId}::text), a.tags, ${now}::timestamptz, ${now}::timestamptz,
        ${now}::timestamptz, ${now}::timestamptz
      from asked a where a.allowed and a.is_imported
    )
    select allowed, is_imported from asked`,
  )

/** A dry run, for who started it and for who may change the template. */
export const dryRunById = (versionId: string, jobId: string, now: Date) =>
  statement<{ job_id: string; job: JobJson }>(
    "dry-runs.by-id",
    sql`select j.id as job_id, ${jobJson("j", now)} as job
    from provisioner_jobs j
    where j.id = ${jobId}::uuid and j.type = 'template_version_dry_run' and j.input ->> 'template_version_id' = ${versionId}
      and (j.initiator_id = ${actorId} or ${may("update", "template", { organization: sql`j.organization_id` })})`,
  )
