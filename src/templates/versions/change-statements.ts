// Statements that change a version.
//
// They rename or archive it, cancel its import, and make it the active version of its template.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { auditInsert, type AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"

const home = { id: sql`v.template_id`, organization: sql`v.organization_id` }
const template = { id: sql`t.id`, organization: sql`t.organization_id` }

const readable = (): SQL => may("read", "template", home)
const changeable = (): SQL => may("update", "template", home)

// A version is in use if it is active in its template. So is one from which the latest build of a
// living workspace is made, unless that is a delete.
const isActive = sql`exists (select 1 from templates t where t.active_version_id = v.id
and not t.deleted)`
const isBuilt = sql`exists (
  select 1 from workspace_builds b join workspaces w on w.latest_build_id = b.id
  where b.template_version_id = v.id and b.transition <> 'delete' and not w.deleted)`

const audited = (request: AuditRequest, action: string) =>
  auditInsert(
    request,
    {
      resourceType: "template_version",
      action,
      resourceId: sql`v.id`,
      resourceTarget: sql`v.name`,
      organizationId: sql`v.organization_id`,
    },
    sql`changed v`,
  )

/** Null keeps the value. A name in use in the template breaks `template_versions_name`. */
export const patchVersion = (
  id: string,
  patch: { name: string | null; message: string | null },
  request: AuditRequest,
) =>
  statement<{ id: string }>(
    "template-versions.patch",
    sql`with changed as (
      update template_versions v set name = coalesce(${patch.name}::text, v.name),
        message = coalesce(${patch.message}::text, v.message),
        updated_at = ${request.now}::timestamptz
      where v.id = ${id}::uuid and ${changeable()}
      returning v.id, v.name, v.organization_id
    ), audited as (${audited(request, "write")})
    select id from changed`,
  )

export type VersionState = {
  allowed: boolean
  archived: boolean
  is_active: boolean
  is_built: boolean
  job_status: string
}

/** What explains a change that did not happen. Returns a row if the caller may read the version. */
export const versionState = (id: string) =>
  statement<VersionState>(
    "template-versions.state",
    sql`select ${changeable()} as allowed, v.archived, ${isActive} as is_active,
      ${isBuilt} as is_built, j.job_status
    from template_versions v join provisioner_jobs j on j.id = v.job_id
    where v.id = ${id}::uuid and ${readable()}`,
  )

/** Archives a version that nothing uses, or restores an archived one. */
export const setArchived = (id: string, archived: boolean, request: AuditRequest) =>
  statement<{ id: string }>(
    "template-versions.set-archived",
    sql`with changed as (
      update template_versions v set archived = ${archived},
        updated_at = ${request.now}::timestamptz
      where v.id = ${id}::uuid and v.archived <> ${archived} and ${changeable()}
        and (not ${archived}::boolean or not ${isActive} and not ${isBuilt})
      returning v.id, v.name, v.organization_id
    ), audited as (${audited(request, "write")})
    select id from changed`,
  )

/** Archives unused versions that failed to import, or with `all` every unused one that finished. */
export const archiveUnused = (templateId: string, all: boolean, request: AuditRequest) =>
  statement<{ id: string }>(
    "template-versions.archive-unused",
    sql`with changed as (
      update template_versions v set archived = true, updated_at = ${request.now}::timestamptz
      from provisioner_jobs j
      where j.id = v.job_id and v.template_id = ${templateId}::uuid and not v.archived
        and ${changeable()}
        and (j.job_status = 'failed' or ${all}::boolean and j.completed_at is not null)
        and not ${isActive} and not ${isBuilt}
      returning v.id, v.name, v.organization_id
    ), audited as (${audited(request, "write")})
    select id from changed`,
  )

export type CancelAttempt = {
  allowed: boolean
  completed: boolean
  canceled: boolean
  done: boolean
}

/**
 * Cancels a version's import. A pending import ends at once; otherwise its daemon is notified with
 * its next update. Returns one row if the caller may read the version.
 */
export const cancelImport = (id: string, now: Date) =>
  statement<CancelAttempt>(
    "template-versions.cancel",
    sql`with asked as (
      select j.id, ${changeable()} as allowed, j.completed_at is not null as completed,
        j.canceled_at is not null as canceled
      from template_versions v join provisioner_jobs j on j.id = v.job_id
      where v.id = ${id}::uuid and ${readable()}
      for update of j
    ), changed as (
      update provisioner_jobs j set canceled_at = ${now}::timestamptz,
        completed_at = case when j.started_at is null then ${now}::timestamptz end
      from asked a where j.id = a.id and a.allowed and not a.completed and not a.canceled
      returning j.id
    )
    select a.allowed, a.completed, a.canceled, exists (select 1 from changed) as done from asked a`,
  )

export type Promotion = {
  allowed: boolean
  version_found: boolean
  is_of_template: boolean
  archived: boolean
  job_status: string | null
  done: boolean
}

/**
 * Makes an imported version the active one of its template. Returns one row if the caller may read
 * the template.
 */
export const promoteVersion = (templateId: string, versionId: string, request: AuditRequest) =>
  statement<Promotion>(
    "templates.promote-version",
    sql`with asked as (
      select t.id, ${may("update", "template", template)} as allowed,
        v.id is not null as version_found, v.template_id is not distinct
        from t.id as is_of_template,
        coalesce(v.archived, false) as archived, j.job_status
      from templates t
      left join template_versions v on v.id = ${versionId}::uuid
      left join provisioner_jobs j on j.id = v.job_id
      where t.id = ${templateId}::uuid and not t.deleted
        and ${may("read", "template", template)}
      for update of t
    ), changed as (
      update templates t set active_version_id = ${versionId}::uuid,
        updated_at = ${request.now}::timestamptz
      from asked a
      where t.id = a.id and a.allowed and a.is_of_template and not a.archived
        and a.job_status = 'succeeded'
      returning t.id, t.name, t.organization_id
    ), audited as (${auditInsert(
      request,
      {
        resourceType: "template",
        action: "write",
        resourceId: sql`t.id`,
        resourceTarget: sql`t.name`,
        organizationId: sql`t.organization_id`,
        additionalFields: sql`jsonb_build_object('active_version_id', ${versionId}::text)`,
      },
      sql`changed t`,
    )})
    select a.allowed, a.version_found, a.is_of_template, a.archived, a.job_status,
      exists (select 1 from changed) as done
    from asked a`,
  )
