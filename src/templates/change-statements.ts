// Changing and deleting templates, with the effects on workspaces that SQL can express.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../access/may.ts"
import { auditInsert, type AuditRequest } from "../audit/fragment.ts"
import { statement } from "../platform/db/client.ts"
import { relation } from "../platform/db/row.ts"
import {
  assignSettings,
  changedSettings,
  isScheduleChanged,
  settingsDiff,
  type SettingsChange,
  type TemplateColumns,
} from "./policy/columns.ts"
import { scheduleEffects, type ScheduleIntents } from "./policy/schedule-effects.ts"

const template = { id: sql`t.id`, organization: sql`t.organization_id` }

/** Null keeps the name. */
export type TemplateChange = { name: string | null; settings: SettingsChange }

/**
 * Changes a template and, in the same statement, what SQL can compute for its workspaces.
 *
 * `must_follow` is true while a mark says that other workspaces have yet to follow
 * (policy/follow-schedule-change.ts). A name in use breaks `templates_name_live`. A second run
 * finds the values in place, and its effects change nothing.
 */
export const patchTemplate = (
  id: string,
  change: TemplateChange,
  intents: ScheduleIntents,
  request: AuditRequest,
) => {
  const now = sql`${request.now}::timestamptz`
  const before = relation<TemplateColumns>("before")
  const after = relation<TemplateColumns>("after")
  return statement<{ id: string; must_follow: boolean }>(
    "templates.patch",
    sql`with before as (
      select t.* from templates t
      where t.id = ${id}::uuid and not t.deleted and ${may("update", "template", template)}
      for update
    ), wanted as (
      select b.id, coalesce(${change.name}::text, b.name) as name,
        ${changedSettings(change.settings, sql`b`)}
      from before b
    ), after as (
      update templates t set name = w.name, ${assignSettings(sql`w`)}, updated_at = ${now},
        ${scheduleMark(now)}
      from before b, wanted w where t.id = b.id and w.id = b.id
      returning t.*
    ), ${scheduleEffects(before, after, intents, request.now)}, audited as (${auditInsert(
      request,
      { ...auditedTemplate("write"), diff: sql`t.diff` },
      sql`(select a.id, a.name, a.organization_id, ${settingsDiff(sql`b`, sql`a`)} as diff
        from before b, after a) t`,
    )})
    select a.id, a.schedule_changed_at is not null as must_follow from after a`,
  )
}

/**
 * Marks the template `t` where the schedule changes between `b` and `w`. Each change has a mark of
 * its own, so that what follows an older change does not clear it.
 */
function scheduleMark(now: SQL): SQL {
  const isChanged = isScheduleChanged(sql`b`, sql`w`)
  return sql`schedule_changed_at = case when ${isChanged}
      then greatest(${now}, b.schedule_changed_at + interval '1 millisecond')
      else b.schedule_changed_at end,
    schedule_changed_starts = b.schedule_changed_starts or w.autostart_days <> b.autostart_days,
    schedule_followed_to = case when not ${isChanged} then b.schedule_followed_to end`
}

/** The audit row of a template `t`. */
export const auditedTemplate = (action: string) => ({
  resourceType: "template",
  action,
  resourceId: sql`t.id`,
  resourceTarget: sql`t.name`,
  organizationId: sql`t.organization_id`,
})

export type Deletion = { allowed: boolean; has_workspaces: boolean; done: boolean }

/**
 * Deletes a template without living workspaces. Prebuilds do not count: the pool empties itself
 * once the template is deleted. Returns one row where the caller may read the template. A
 * workspace's creation waits for the lock on the template's row.
 */
export const deleteTemplate = (id: string, request: AuditRequest) =>
  statement<Deletion>(
    "templates.delete",
    sql`with asked as (
      select t.id, ${may("delete", "template", template)} as allowed, exists (
          select 1 from workspaces w
          where w.template_id = t.id and not w.deleted
            and w.owner_id <> prebuilds_user_id()) as has_workspaces
      from templates t
      where t.id = ${id}::uuid and not t.deleted and ${may("read", "template", template)}
      for update of t
    ), deleted as (
      update templates t set deleted = true, updated_at = ${request.now}::timestamptz
      from asked a where t.id = a.id and a.allowed and not a.has_workspaces
      returning t.id, t.name, t.organization_id
    ), audited as (${auditInsert(request, auditedTemplate("delete"), sql`deleted t`)})
    select a.allowed, a.has_workspaces, exists (select 1 from deleted) as done from asked a`,
  )
