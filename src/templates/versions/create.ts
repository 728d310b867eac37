// The statement that creates a template version with its import job, or says why not.
import { sql } from "drizzle-orm"
import { actorId, may } from "../../access/may.ts"
import { organizationIdOf } from "../../access/lookup.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"

export type NewVersion = {
  id: string
  jobId: string
  organization: string
  name: string
  message: string
  templateId: string | null
  fileId: string
  provisioner: string
  /** Normalised, except for the owner of a user-scoped set, which is the caller. */
  tags: Record<string, string>
  userVariableValues: { name: string; value: string }[]
}

/** The row if the organization exists and the caller may read its templates. */
export type VersionAttempt = {
  organization_id: string
  allowed: boolean
  has_template: boolean
  has_file: boolean
  created: boolean
  provisioner: string
  tags: Record<string, string>
}

/**
 * Creates a version if the caller may create templates and use the file, and the template exists if
 * one is named. A name in use in the template breaks `template_versions_name`.
 */
export const createVersion = (version: NewVersion, request: AuditRequest) => {
  const { now } = request
  const tags = sql`(case when t.tags ->> 'scope' = 'user'
    then t.tags || jsonb_build_object('owner', ${actorId}::text) else t.tags end)`
  return statement<VersionAttempt>(
    "template-versions.create",
    sql`with asked as (
      select o.id as organization_id, ${tags} as tags,
        ${may("create", "template", { organization: sql`o.id` })} as allowed,
        (${version.templateId}::uuid is null or exists (
          select 1 from templates e
          where e.id = ${version.templateId}::uuid and e.organization_id = o.id
            and not e.deleted)) as has_template,
        exists (
          select 1 from files f where f.id = ${version.fileId}::uuid and (f.created_by = ${actorId}
            or exists (
            select 1 from template_versions p where p.file_id = f.id
              and p.organization_id = o.id))) as has_file
      from organizations o, (select ${json(version.tags)} as tags) t
      where o.id = ${organizationIdOf(version.organization)}
        and ${may("read", "template", { organization: sql`o.id` })}
    ), job as (
      insert into provisioner_jobs (id, organization_id, initiator_id, type, provisioner, file_id,
        input, tags, created_at, updated_at)
      select ${version.jobId}::uuid, a.organization_id, ${actorId},
        'template_version_import', ${version.provisioner},
        ${version.fileId}::uuid, ${json({
          template_version_id: version.id,
          ...(version.templateId !== null && { template_id: version.templateId }),
          user_variable_values: version.userVariableValues,
        })}, a.tags, ${now}::timestamptz, ${now}::timestamptz
      from asked a where a.allowed and a.has_template and a.has_file
      returning id
    ), created as (
      insert into template_versions (id, template_id, organization_id, job_id, file_id, name,
        message, created_by, created_at, updated_at)
      select ${version.id}::uuid, ${version.templateId}::uuid, a.organization_id, job.id,
        ${version.fileId}::uuid, ${version.name},
        ${version.message}, ${actorId}, ${now}::timestamptz, ${now}::timestamptz
      from asked a, job
      returning id, name, organization_id
    ), audited as (${auditInsert(
      request,
      {
        resourceType: "template_version",
        action: "create",
        resourceId: sql`v.id`,
        resourceTarget: sql`v.name`,
        organizationId: sql`v.organization_id`,
        statusCode: 201,
      },
      sql`created v`,
    )})
    select a.organization_id, a.allowed, a.has_template, a.has_file,
      exists (select 1 from created) as created,
      ${version.provisioner} as provisioner, a.tags
    from asked a`,
  )
}
