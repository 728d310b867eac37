// Creating and reading templates.
import { sql, type SQL } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { organizationIdOf } from "../access/lookup.ts"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { statement } from "../platform/db/client.ts"
import { auditedTemplate } from "./change-statements.ts"
import { settingNames, settingValues, type TemplateSettings } from "./policy/columns.ts"
import { selectTemplates, type TemplateRow } from "./view.ts"

const readable = (): SQL =>
  may("read", "template", { id: sql`t.id`, organization: sql`t.organization_id` })

export const templateById = (id: string) =>
  statement<TemplateRow>(
    "templates.by-id",
    sql`${selectTemplates} where t.id = ${id}::uuid and not t.deleted and ${readable()}`,
  )

export const templateByName = (organization: string, name: string) =>
  statement<TemplateRow>(
    "templates.by-name",
    sql`${selectTemplates}
    where o.id = ${organizationIdOf(organization)} and lower(t.name) = lower(${name})
      and not t.deleted and ${readable()}`,
  )

export type NewTemplate = {
  id: string
  organization: string
  versionId: string
  name: string
  settings: TemplateSettings
}

/** Why a template was not created. */
export type TemplateAttempt = {
  allowed: boolean
  name_taken: boolean
  version_found: boolean
  version_archived: boolean
  version_taken: boolean
}

/**
 * Creates a template from a version that belongs to none. Returns one row where the organization
 * exists and the caller may read its templates.
 *
 * The version's row is locked first and checked again after the wait, so that two requests for one
 * version create one template. A name in use breaks `templates_name_live`.
 */
export const createTemplate = (template: NewTemplate, request: AuditRequest) => {
  const now = sql`${request.now}::timestamptz`
  return statement<TemplateAttempt>(
    "templates.create",
    sql`with asked as (
      select o.id as organization_id,
        ${may("create", "template", { organization: sql`o.id` })} as allowed
      from organizations o
      where o.id = ${organizationIdOf(template.organization)}
        and ${may("read", "template", { organization: sql`o.id` })}
    ), version as (
      select v.id, v.organization_id, j.provisioner
      from asked a
      join template_versions v on v.organization_id = a.organization_id
      join provisioner_jobs j on j.id = v.job_id
      where v.id = ${template.versionId}::uuid and v.template_id is null and not v.archived
        and a.allowed
      for update of v
    ), created as (
      insert into templates (id, organization_id, name, provisioner, active_version_id, created_by,
        created_at, updated_at, ${settingNames})
      select ${template.id}::uuid, v.organization_id, ${template.name}, v.provisioner, v.id,
        ${actorId}, ${now}, ${now}, ${settingValues(template.settings)}
      from version v
      returning id, name, icon, organization_id, active_version_id
    ), linked as (
      update template_versions v set template_id = c.id, updated_at = ${now}
      from created c where v.id = c.active_version_id
    ), audited as (${auditInsert(
      request,
      { ...auditedTemplate("create"), statusCode: 201 },
      sql`created t`,
    )})
    select a.allowed, exists (
        select 1 from templates o
        where o.organization_id = a.organization_id and not o.deleted
          and lower(o.name) = lower(${template.name})) as name_taken,
      v.id is not null as version_found, coalesce(v.archived, false) as version_archived,
      v.template_id is not null as version_taken
    from asked a
    left join template_versions v
      on v.id = ${template.versionId}::uuid and v.organization_id = a.organization_id`,
  )
}
