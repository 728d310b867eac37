// The effects of a changed schedule that SQL can compute: TTL, dormancy, deletion and notices.
//
// follow-schedule-change.ts computes the effects that need a calendar.
import { sql, type SQL } from "drizzle-orm"
import { outboxInsert } from "../../notifications/fragment.ts"
import { notificationIds } from "../../notifications/templates.ts"
import type { Relation } from "../../platform/db/row.ts"
import type { TemplateColumns } from "./columns.ts"

export type ScheduleIntents = {
  /** Every workspace of the template counts as used now. */
  updateWorkspaceLastUsedAt: boolean
  /** Every dormant workspace of the template counts as dormant from now. */
  updateWorkspaceDormantAt: boolean
}

/**
 * The CTEs `followed` (the workspaces that changed) and `notified_owners`, for the statement that
 * changes a template.
 *
 * `before` and `after` hold the template before (`select ... for update`) and after the change, in
 * one row or none. This CTE alone writes a workspace's row. Prebuilds take part in the last-used
 * intent only. A second run finds nothing to change, and its notification has the same key.
 *
 * PostgreSQL reads a row `w` again if another transaction wrote it in between, so a workspace that
 * was just woken stays awake. Only the date that its owner was notified of is the snapshot's (`o`).
 */
export function scheduleEffects(
  before: Relation<TemplateColumns>,
  after: Relation<TemplateColumns>,
  intents: ScheduleIntents,
  now: Date,
): SQL {
  const at = sql`${now}::timestamptz`
  const isUsed = sql`${intents.updateWorkspaceLastUsedAt}::boolean`
  const dormantAt = intents.updateWorkspaceDormantAt ? at : sql`w.dormant_at`
  const dormancyFollows = isDormancyChanged(intents)
  return sql`followed as (
      update workspaces w set
        ttl_ms = case when ${isTtlChanged} then nullif(a.default_ttl_ms, 0) else w.ttl_ms end,
        dormant_at = case when ${dormancyFollows} then ${dormantAt} else w.dormant_at end,
        deleting_at = case when not ${dormancyFollows} then w.deleting_at
          when a.time_til_dormant_autodelete_ms > 0
            then instant_after(${dormantAt}, a.time_til_dormant_autodelete_ms) end,
        last_used_at = case when ${isUsed} then greatest(w.last_used_at, ${at})
          else w.last_used_at end
      from ${before} b, ${after} a, workspaces o
      where w.template_id = a.id and w.id = o.id and b.id = a.id
        and (${isTtlChanged} or ${dormancyFollows} or ${isUsed})
      returning w.id, w.name, w.owner_id, w.template_id, w.organization_id, w.deleting_at,
        w.deleting_at is not null and w.deleting_at is distinct from o.deleting_at as is_marked
    ), notified_owners as (
      ${outboxInsert(markedMessage(at), sql`followed f where f.is_marked`, now)}
    )`
}

const isLivingOfAPerson = sql`not w.deleted and w.owner_id <> prebuilds_user_id()`

/** Where users may not choose, the template's TTL replaces the workspace's. */
const isTtlChanged = sql`(not a.allow_user_autostop and ${isLivingOfAPerson}
  and (b.allow_user_autostop or a.default_ttl_ms <> b.default_ttl_ms))`

const isDormancyChanged = ({ updateWorkspaceDormantAt }: ScheduleIntents): SQL =>
  sql`(w.dormant_at is not null and ${isLivingOfAPerson} and (${updateWorkspaceDormantAt}::boolean
    or a.time_til_dormant_autodelete_ms <> b.time_til_dormant_autodelete_ms))`

function markedMessage(at: SQL) {
  const leftMs = sql`(extract(epoch from f.deleting_at - ${at}) * 1000)::bigint`
  return {
    templateId: notificationIds.workspaceMarkedForDeletion,
    userId: sql`f.owner_id`,
    labels: sql`jsonb_build_object('name', f.name,
      'reason', 'an update to the template''s dormancy',
      'timeTilDormant', relative_time(${leftMs}))`,
    targets: sql`array[f.id, f.owner_id, f.template_id, f.organization_id]`,
    createdBy: "scheduletemplate",
    idempotencyKey: sql`'marked-for-deletion:' || f.id || ':' || extract(epoch from f.deleting_at)`,
  }
}
