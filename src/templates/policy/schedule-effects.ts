// What a change of a template's schedule does to its workspaces in the same statement: ttl, dormancy and deletion, the two
// one-shot intents, and the word to the owners. What has to be computed outside SQL follows in follow-schedule-change.ts.
import { sql, type SQL } from "drizzle-orm"
import { outboxInsert } from "../../notifications/fragment.ts"
import { notificationIds } from "../../notifications/templates.ts"

export type ScheduleIntents = {
  /** Every workspace of the template counts as used now. */
  updateWorkspaceLastUsedAt: boolean
  /** Every dormant workspace of the template counts as dormant from now. */
  updateWorkspaceDormantAt: boolean
}

/**
 * The CTEs `followed` and `told_owners`, for the `with` list of the statement that changes a template. `before` and `after` name its CTEs
 * with the template's row before (`select ... for update`) and after the change (`returning`); both one row or none.
 *
 * A workspace row is written once, by this CTE alone. Prebuilds take part in the last-used intent only. Twice: the second
 * finds nothing to change, and its notification has the same key. A row that was written meanwhile is read again (w), so that a
 * workspace that was just woken stays awake; only the date that its owner was told of is the snapshot's (o).
 *
 * @example sql`with before as (select * from templates where id = ${id} for update), after as (update templates set ... returning *),
 *   ${scheduleEffects(sql`before`, sql`after`, intents, now)} select * from after`
 */
export function scheduleEffects(before: SQL, after: SQL, intents: ScheduleIntents, now: Date): SQL {
  const isPrebuild = sql`w.owner_id = prebuilds_user_id()`
  const ttlFollows = sql`(not a.allow_user_autostop and not ${isPrebuild} and not w.deleted
    and (b.allow_user_autostop or a.default_ttl_ms <> b.default_ttl_ms))`
  const dormancyFollows = sql`(w.dormant_at is not null and not w.deleted and not ${isPrebuild}
    and (${intents.updateWorkspaceDormantAt}::boolean or a.time_til_dormant_autodelete_ms <> b.time_til_dormant_autodelete_ms))`
  const dormantAt = intents.updateWorkspaceDormantAt ? sql`${now}::timestamptz` : sql`w.dormant_at`
  return sql`followed as (
      update workspaces w set
        ttl_ms = case when ${ttlFollows} then nullif(a.default_ttl_ms, 0) else w.ttl_ms end,
        dormant_at = case when ${dormancyFollows} then ${dormantAt} else w.dormant_at end,
        deleting_at = case when not ${dormancyFollows} then w.deleting_at
          when a.time_til_dormant_autodelete_ms > 0 then instant_after(${dormantAt}, a.time_til_dormant_autodelete_ms) end,
        last_used_at = case when ${intents.updateWorkspaceLastUsedAt}::boolean then greatest(w.last_used_at, ${now}::timestamptz)
          else w.last_used_at end
      from ${before} b, ${after} a, workspaces o
      where w.template_id = a.id and w.id = o.id and b.id = a.id
        and (${ttlFollows} or ${dormancyFollows} or ${intents.updateWorkspaceLastUsedAt}::boolean)
      returning w.id, w.name, w.owner_id, w.template_id, w.organization_id, w.deleting_at,
        w.deleting_at is not null and w.deleting_at is distinct from o.deleting_at as is_marked
    ), told_owners as (${outboxInsert(markedMessage(now), sql`followed f where f.is_marked`, now)}
    )`
}

/** True where the workspaces have to follow outside SQL: over the rows `b` (before) and `a` (after). */
export function mustFollow(b: SQL, a: SQL): SQL {
  const columns = [
    "default_ttl_ms",
    "allow_user_autostop",
    "allow_user_autostart",
    "autostop_requirement_days",
    "autostop_requirement_weeks",
    "autostart_days",
  ].map((name) => sql`${a}.${sql.identifier(name)} is distinct from ${b}.${sql.identifier(name)}`)
  return sql`(${sql.join(columns, sql` or `)})`
}

function markedMessage(now: Date) {
  return {
    templateId: notificationIds.workspaceMarkedForDeletion,
    userId: sql`f.owner_id`,
    labels: sql`jsonb_build_object('name', f.name, 'reason', 'an update to the template''s dormancy',
      'timeTilDormant', relative_time((extract(epoch from f.deleting_at - ${now}::timestamptz) * 1000)::bigint))`,
    targets: sql`array[f.id, f.owner_id, f.template_id, f.organization_id]`,
    createdBy: "scheduletemplate",
    idempotencyKey: sql`'marked-for-deletion:' || f.id || ':' || extract(epoch from f.deleting_at)`,
  }
}
