// The audit rows and the notifications of a batch.
import { sql, type SQL } from "drizzle-orm"
import { auditInsert, nilRequest } from "../../audit/fragment.ts"
import { outboxInsert } from "../../notifications/fragment.ts"
import { notificationIds } from "../../notifications/templates.ts"
import { step, type Step } from "../../platform/db/steps.ts"
import type { Done, Reminded } from "./build-steps.ts"

/** The owner is the actor of what the tick does. */
export function audited(now: Date): Step<Done, never> {
  const from = sql`done where rule = 'dormancy'`
  return step(sql`audited as (${auditInsert({ ...nilRequest, now }, dormancyAudit, from)})`)
}

export function notifiedDormant(now: Date): Step<Done, never> {
  const from = sql`done where rule = 'dormancy'`
  return step(sql`notified_dormant as (${outboxInsert(dormantMessage, from, now)})`)
}

export function notifiedReminder(now: Date): Step<Done | Reminded, never> {
  const from = sql`done join reminded on reminded.id = done.build_id`
  return step(sql`notified_reminder as (${outboxInsert(reminderMessage, from, now)})`)
}

/** For starts that changed the template version. */
export function notifiedUpdated(now: Date): Step<Done, never> {
  const from = sql`done join template_versions v on v.id = done.template_version_id
        where done.rule = 'autostart' and done.template_version_id <> done.last_version_id`
  return step(sql`notified_updated as (${outboxInsert(updatedMessage, from, now)})`)
}

const targets: SQL = sql`array[
      done.workspace_id, done.owner_id, done.template_id, done.organization_id]`

const dormancyAudit = {
  resourceType: "workspace",
  resourceId: sql`done.workspace_id`,
  resourceTarget: sql`done.name`,
  action: "write",
  organizationId: sql`done.organization_id`,
  userId: sql`done.owner_id`,
  additionalFields: sql`jsonb_build_object(
      'automatic_actor', 'coder', 'automatic_subsystem', 'autobuild')`,
}

const dormantMessage = {
  templateId: notificationIds.workspaceDormant,
  userId: sql`done.owner_id`,
  labels: sql`jsonb_strip_nulls(jsonb_build_object('name', done.name,
      'reason', 'inactivity exceeded the dormancy threshold',
      'timeTilDelete', case when done.new_deleting_at is not null
        then relative_time(done.time_til_dormant_autodelete_ms) end))`,
  targets,
  createdBy: "lifecycle_executor",
  idempotencyKey: sql`'dormant:' || done.workspace_id || ':' || extract(epoch from done.acted_at)`,
}

const reminderMessage = {
  templateId: notificationIds.workspaceAutostopReminder,
  userId: sql`done.owner_id`,
  labels: sql`jsonb_build_object('workspace', done.name, 'deadline',
      to_char(done.deadline at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS "UTC"'))`,
  targets,
  createdBy: "lifecycle_executor",
  idempotencyKey: sql`'autostop-reminder:' || done.build_id || ':'
      || extract(epoch from done.deadline)`,
}

const updatedMessage = {
  templateId: notificationIds.workspaceAutoUpdated,
  userId: sql`done.owner_id`,
  labels: sql`jsonb_build_object('name', done.name, 'initiator', 'autobuild',
      'reason', done.reason, 'template_version_name', v.name,
      'template_version_message',
        case when btrim(v.message) = '' then 'None provided' else v.message end)`,
  targets,
  createdBy: "autobuild",
  idempotencyKey: sql`'auto-updated:' || done.new_build_id`,
}
