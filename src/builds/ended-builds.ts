// The notifications and audit rows of ended builds.
//
// They are CTEs of the statement that ends the job.
import { type SQL, sql } from "drizzle-orm"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { outboxInsert } from "../notifications/fragment.ts"
import { notificationIds } from "../notifications/templates.ts"

const createdBy = "provisionerdserver"

/** The CTE `ended_builds`: facts of the builds whose jobs' ids are in the CTE `ended`. */
export const endedBuilds = (isCanceled: SQL = sql`false`): SQL => sql`ended_builds as (
  select ${isCanceled} as is_canceled, b.id as build_id, b.build_number, b.transition, b.reason,
    b.initiator_id, i.username as initiator,
    w.id as workspace_id, w.name, w.owner_id, w.organization_id, w.template_id,
    o.username as owner_username,
    t.name as template_name, v.name as template_version_name,
    array[w.id, w.owner_id, w.template_id, w.organization_id] as targets
  from ended e join workspace_builds b on b.job_id = e.id
  join workspaces w on w.id = b.workspace_id
  join users o on o.id = w.owner_id join users i on i.id = b.initiator_id
  join template_versions v on v.id = b.template_version_id join templates t on t.id = w.template_id
)`

/** True for the user `a` who administers the templates of the organization whose member `m` is. */
export const templateAdmin = (a: SQL, m: SQL): SQL =>
  sql`${a}.id = ${m}.user_id and not ${a}.deleted and ${a}.status <> 'suspended'
    and ('template-admin' = any(${a}.site_roles)
      or 'organization-template-admin' = any(${m}.roles))`

const isAutomatic = sql`f.reason in ('autostart', 'autostop', 'dormancy', 'autodelete')`

/**
 * CTEs that notify of the failed builds in `ended_builds`.
 *
 * The owner is notified of an automatic build, the organization's template admins of one that a
 * person requested. A canceled build notifies nobody, and so does one of the prebuilds user: pools
 * handle their own failures.
 */
export function failureNotices(now: Date): SQL {
  const automatic = outboxInsert(
    {
      templateId: notificationIds.workspaceAutobuildFailed,
      userId: sql`f.owner_id`,
      labels: sql`jsonb_build_object('name', f.name, 'reason', f.reason)`,
      targets: sql`f.targets`,
      createdBy,
      idempotencyKey: sql`'build-failed:' || f.build_id`,
    },
    sql`ended_builds f where ${isAutomatic} and not f.is_canceled`,
    now,
  )
  const manual = outboxInsert(
    {
      templateId: notificationIds.workspaceManualBuildFailed,
      userId: sql`m.user_id`,
      labels: sql`jsonb_build_object('name', f.name, 'template_name', f.template_name,
        'template_version_name', f.template_version_name, 'initiator', f.initiator,
        'workspace_owner_username', f.owner_username,
        'workspace_build_number', f.build_number::text)`,
      targets: sql`f.targets`,
      createdBy,
      idempotencyKey: sql`'build-failed:' || f.build_id || ':' || m.user_id`,
    },
    sql`ended_builds f join organization_members m on m.organization_id = f.organization_id
      join users a on ${templateAdmin(sql`a`, sql`m`)}
      where not ${isAutomatic} and not f.is_canceled and f.initiator_id <> prebuilds_user_id()`,
    now,
  )
  return sql`noticed_automatic as (${automatic}), noticed_manual as (${manual})`
}

/** A CTE over `ended_builds` that notifies the owner of a deletion that they did not request. */
export function deletionNotice(now: Date): SQL {
  return sql`noticed_deletion as (${outboxInsert(
    {
      templateId: notificationIds.workspaceDeleted,
      userId: sql`f.owner_id`,
      labels: sql`jsonb_build_object('name', f.name,
        'reason', case f.reason when 'initiator' then 'initiated by user'
          when 'autodelete' then 'autodeleted due to dormancy' else f.reason end,
        'initiator', case f.reason when 'autodelete' then 'autobuild' else f.initiator end)`,
      targets: sql`f.targets`,
      createdBy,
      idempotencyKey: sql`'workspace-deleted:' || f.workspace_id`,
    },
    sql`ended_builds f where f.transition = 'delete' and f.owner_id <> prebuilds_user_id()
      and not (f.reason = 'initiator' and f.initiator_id = f.owner_id)`,
    now,
  )})`
}

/** A CTE over `ended_builds`: an audit row for each, by the person who requested the build. */
export function buildAudit(request: AuditRequest, statusCode: 200 | 500): SQL {
  return sql`audited as (${auditInsert(
    request,
    {
      resourceType: "workspace_build",
      action: sql`f.transition`,
      resourceId: sql`f.build_id`,
      resourceTarget: sql`f.name`,
      organizationId: sql`f.organization_id`,
      userId: sql`f.initiator_id`,
      statusCode,
      additionalFields: sql`jsonb_build_object('workspace_name', f.name,
      'build_number', f.build_number::text,
        'build_reason', f.reason, 'workspace_owner', f.owner_username,
        'workspace_id', f.workspace_id)`,
    },
    sql`ended_builds f`,
  )})`
}
