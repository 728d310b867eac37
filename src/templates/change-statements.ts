// Changing and deleting templates. What a change of the schedule does to the workspaces rides in its statement.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../access/may.ts"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { statement } from "../platform/db/client.ts"
import { mustFollow, scheduleEffects, type ScheduleIntents } from "./policy/schedule-effects.ts"
import type { PolicyChange } from "./requests.ts"

/** Null keeps what is there. */
export type TemplateChange = {
  name: string | null
  displayName: string | null
  description: string | null
  icon: string | null
  policy: PolicyChange
  allowUserAutostart: boolean | null
  allowUserAutostop: boolean | null
  allowUserCancelWorkspaceJobs: boolean | null
  requireActiveVersion: boolean | null
  deprecationMessage: string | null
  disableEveryoneGroupAccess: boolean | null
  maxPortShareLevel: string | null
  corsBehavior: string | null
  disableModuleCache: boolean | null
}

const mayChange = (): SQL =>
  may("update", "template", { id: sql`t.id`, organization: sql`t.organization_id` })

/** The columns of a change by name, with the PostgreSQL type that a null of it has. */
function columnsOf(
  change: TemplateChange,
): [name: string, type: string, value: string | number | boolean | null][] {
  const { policy } = change
  return [
    ["name", "text", change.name],
    ["display_name", "text", change.displayName],
    ["description", "text", change.description],
    ["icon", "text", change.icon],
    ["default_ttl_ms", "bigint", policy.defaultTtlMs],
    ["activity_bump_ms", "bigint", policy.activityBumpMs],
    ["time_til_autostop_notify_ms", "bigint", policy.timeTilAutostopNotifyMs],
    ["autostop_requirement_days", "int", policy.autostopRequirementDays],
    ["autostop_requirement_weeks", "int", policy.autostopRequirementWeeks],
    ["autostart_days", "int", policy.autostartDays],
    ["failure_ttl_ms", "bigint", policy.failureTtlMs],
    ["time_til_dormant_ms", "bigint", policy.timeTilDormantMs],
    ["time_til_dormant_autodelete_ms", "bigint", policy.timeTilDormantAutodeleteMs],
    ["allow_user_autostart", "boolean", change.allowUserAutostart],
    ["allow_user_autostop", "boolean", change.allowUserAutostop],
    ["allow_user_cancel_workspace_jobs", "boolean", change.allowUserCancelWorkspaceJobs],
    ["require_active_version", "boolean", change.requireActiveVersion],
    ["deprecation_message", "text", change.deprecationMessage],
    ["disable_everyone_group_access", "boolean", change.disableEveryoneGroupAccess],
    ["max_port_share_level", "text", change.maxPortShareLevel],
    ["cors_behavior", "text", change.corsBehavior],
    ["disable_module_cache", "boolean", change.disableModuleCache],
  ]
}

/**
 * Changes a template and, in the same statement, what SQL can say of its workspaces. `must_follow` is true while the mark is set
 * that the rest is owed (follow-schedule-change.ts). A name in use breaks `templates_name_live`. Twice: the second finds the
 * values in place and its effects nothing to do.
 */
export const patchTemplate = (
  id: string,
  change: TemplateChange,
  intents: ScheduleIntents,
  request: AuditRequest,
) => {
  const columns = columnsOf(change)
  const now = sql`${request.now}::timestamptz`
  const column = (alias: string, name: string) =>
    sql`${sql.identifier(alias)}.${sql.identifier(name)}`
  const wanted = columns.map(
    ([name, type, value]) =>
      sql`coalesce(${value}::${sql.raw(type)}, ${column("b", name)}) as ${sql.identifier(name)}`,
  )
  const sets = columns.map(([name]) => sql`${sql.identifier(name)} = ${column("w", name)}`)
  const differences = columns.map(
    ([name]) =>
      sql`${name}::text, case when ${column("a", name)} is distinct from ${column("b", name)}
        then jsonb_build_object('old', ${column("b", name)}, 'new', ${column("a", name)}, 'secret', false) end`,
  )
  return statement<{ id: string; must_follow: boolean }>(
    "templates.patch",
    sql`with before as (
      select t.* from templates t where t.id = ${id}::uuid and not t.deleted and ${mayChange()} for update
    ), wanted as (
      select b.id, ${sql.join(wanted, sql`, `)} from before b
    ), after as (
      update templates t set ${sql.join(sets, sql`, `)}, updated_at = ${now},
        schedule_changed_at = case when ${mustFollow(sql`b`, sql`w`)}
          then greatest(${now}, b.schedule_changed_at + interval '1 millisecond') else b.schedule_changed_at end,
        schedule_changed_starts = b.schedule_changed_starts or w.autostart_days <> b.autostart_days,
        schedule_followed_to = case when not ${mustFollow(sql`b`, sql`w`)} then b.schedule_followed_to end
      from before b, wanted w where t.id = b.id and w.id = b.id
      returning t.*
    ), ${scheduleEffects(sql`before`, sql`after`, intents, request.now)}, audited as (${auditInsert(
      request,
      {
        resourceType: "template",
        action: "write",
        resourceId: sql`t.id`,
        resourceTarget: sql`t.name`,
        organizationId: sql`t.organization_id`,
        diff: sql`t.diff`,
      },
      sql`(select a.id, a.name, a.organization_id, jsonb_strip_nulls(jsonb_build_object(${sql.join(differences, sql`, `)})) as diff
        from before b, after a) t`,
    )})
    select a.id, a.schedule_changed_at is not null as must_follow from after a`,
  )
}

export type Deletion = { allowed: boolean; has_workspaces: boolean; done: boolean }

/**
 * Deletes a template that no living workspace uses, prebuilds aside: the pool is emptied once the template is gone. One row
 * where the template can be read. The template's row is locked, which a workspace's creation waits for.
 */
export const deleteTemplate = (id: string, request: AuditRequest) =>
  statement<Deletion>(
    "templates.delete",
    sql`with asked as (
      select t.id, ${may("delete", "template", { id: sql`t.id`, organization: sql`t.organization_id` })} as allowed, exists (
          select 1 from workspaces w
          where w.template_id = t.id and not w.deleted and w.owner_id <> prebuilds_user_id()) as has_workspaces
      from templates t
      where t.id = ${id}::uuid and not t.deleted
        and ${may("read", "template", { id: sql`t.id`, organization: sql`t.organization_id` })}
      for update of t
    ), deleted as (
      update templates t set deleted = true, updated_at = ${request.now}::timestamptz
      from asked a where t.id = a.id and a.allowed and not a.has_workspaces
      returning t.id, t.name, t.organization_id
    ), audited as (${auditInsert(
      request,
      {
        resourceType: "template",
        action: "delete",
        resourceId: sql`t.id`,
        resourceTarget: sql`t.name`,
        organizationId: sql`t.organization_id`,
      },
      sql`deleted t`,
    )})
    select a.allowed, a.has_workspaces, exists (select 1 from deleted) as done from asked a`,
  )
