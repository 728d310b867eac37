// Making and reading templates.
import { sql, type SQL } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { organizationIdOf } from "../access/lookup.ts"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { statement } from "../platform/db/client.ts"
import type { TemplatePolicy } from "./requests.ts"
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
    where o.id = ${organizationIdOf(organization)} and lower(t.name) = lower(${name}) and not t.deleted and ${readable()}`,
  )

export type NewTemplate = {
  id: string
  organization: string
  versionId: string
  name: string
  displayName: string
  description: string
  icon: string
  policy: TemplatePolicy
  allowUserAutostart: boolean
  allowUserAutostop: boolean
  allowUserCancelWorkspaceJobs: boolean
  requireActiveVersion: boolean
  disableEveryoneGroupAccess: boolean
  maxPortShareLevel: string
  corsBehavior: string
}

/** Why a template was not made; one row where the organization exists and the caller may read its templates. */
export type TemplateAttempt = {
  allowed: boolean
  name_taken: boolean
  version_found: boolean
  version_archived: boolean
  version_taken: boolean
}

/**
 * Makes a template of a version that is in none. The version's row is locked first and looked at again after the wait, so two
 * at once for one version make one template. A name in use breaks `templates_name_live`.
 */
export const createTemplate = (template: NewTemplate, request: AuditRequest) => {
  const { policy } = template
  const { now } = request
  return statement<TemplateAttempt>(
    "templates.create",
    sql`with asked as (
      select o.id as organization_id, ${may("create", "template", { organization: sql`o.id` })} as allowed
      from organizations o
      where o.id = ${organizationIdOf(template.organization)} and ${may("read", "template", { organization: sql`o.id` })}
    ), version as (
      select v.id, v.organization_id, j.provisioner
      from asked a
      join template_versions v on v.organization_id = a.organization_id
      join provisioner_jobs j on j.id = v.job_id
      where v.id = ${template.versionId}::uuid and v.template_id is null and not v.archived and a.allowed
      for update of v
    ), created as (
      insert into templates (id, organization_id, name, display_name, description, icon, provisioner, active_version_id, created_by,
        created_at, updated_at, default_ttl_ms, activity_bump_ms, time_til_autostop_notify_ms, autostop_requirement_days,
        autostop_requirement_weeks, autostart_days, allow_user_autostart, allow_user_autostop,
        allow_user_cancel_workspace_jobs, failure_ttl_ms, time_til_dormant_ms, time_til_dormant_autodelete_ms,
        require_active_version, disable_everyone_group_access, max_port_share_level, cors_behavior)
      select ${template.id}::uuid, v.organization_id, ${template.name}, ${template.displayName}, ${template.description},
        ${template.icon}, v.provisioner, v.id, ${actorId}, ${now}::timestamptz, ${now}::timestamptz,
        ${policy.defaultTtlMs}::bigint, ${policy.activityBumpMs}::bigint, ${policy.timeTilAutostopNotifyMs}::bigint,
        ${policy.autostopRequirementDays}::int, ${policy.autostopRequirementWeeks}::int, ${policy.autostartDays}::int,
        ${template.allowUserAutostart}::boolean, ${template.allowUserAutostop}::boolean,
        ${template.allowUserCancelWorkspaceJobs}::boolean, ${policy.failureTtlMs}::bigint, ${policy.timeTilDormantMs}::bigint,
        ${policy.timeTilDormantAutodeleteMs}::bigint, ${template.requireActiveVersion}::boolean,
        ${template.disableEveryoneGroupAccess}::boolean, ${template.maxPortShareLevel}, ${template.corsBehavior}
      from version v
      returning id, name, icon, organization_id, active_version_id
    ), linked as (
      update template_versions v set template_id = c.id, updated_at = ${now}::timestamptz
      from created c where v.id = c.active_version_id
    ), audited as (${auditInsert(
      request,
      {
        resourceType: "template",
        action: "create",
        resourceId: sql`t.id`,
        resourceTarget: sql`t.name`,
        organizationId: sql`t.organization_id`,
        statusCode: 201,
      },
      sql`created t`,
    )})
    select a.allowed, exists (select 1 from templates o where o.organization_id = a.organization_id and not o.deleted
        and lower(o.name) = lower(${template.name})) as name_taken, v.id is not null as version_found, coalesce(v.archived, false) as version_archived,
      v.template_id is not null as version_taken
    from asked a
    left join template_versions v on v.id = ${template.versionId}::uuid and v.organization_id = a.organization_id`,
  )
}
