// The pause switch and the invalidation of pools.
import { sql } from "drizzle-orm"
import { actorId, may } from "../access/may.ts"
import { type AuditRequest, auditInsert } from "../audit/fragment.ts"
import { writeSetting } from "../audit/setting.ts"
import { type Statement, statement } from "../platform/db/client.ts"
import { isReconcilePaused } from "./membership.ts"

/** A missing row means not paused. */
export function readSettings(): Statement<{ reconciliation_paused: boolean }> {
  return statement("prebuilds.settings", sql`select ${isReconcilePaused} as reconciliation_paused`)
}

/**
 * Stores the switch. `changed` is false if the stored document is the same already; the first write
 * of `false` over nothing is a change. A second run changes nothing.
 */
export const writeSettings = (isPaused: boolean, request: AuditRequest) =>
  writeSetting(
    "prebuilds_settings",
    {
      value: { reconciliation_paused: isPaused },
      missing: { reconciliation_paused: false },
    },
    request,
  )

export type InvalidatedPresets = {
  allowed: boolean
  template_name: string
  template_version_name: string
  presets: string[]
}

/**
 * Marks every preset of the template's active version, also those without a pool. Prebuilds created
 * before cannot be claimed from now on, and the next cycle replaces them. No row if the template
 * cannot be read.
 */
export function invalidatePresets(
  templateId: string,
  request: AuditRequest,
): Statement<InvalidatedPresets> {
  const columns = { id: sql`t.id`, organization: sql`t.organization_id` }
  return statement(
    "prebuilds.invalidate",
    sql`
    with target as (
      select t.id, t.name, t.organization_id, t.icon, t.active_version_id, v.name as version_name,
        ${may("update", "template", columns)} as allowed
      from templates t join template_versions v on v.id = t.active_version_id
      where t.id = ${templateId} and not t.deleted and ${may("read", "template", columns)}
    ), invalidated as (
      update template_version_presets p set last_invalidated_at = ${request.now}::timestamptz
      from target where p.template_version_id = target.active_version_id and target.allowed
      returning p.name, p.display_order
    ), audited as (${auditInsert(
      request,
      {
        resourceType: "template",
        resourceId: sql`target.id`,
        resourceTarget: sql`target.name`,
        organizationId: sql`target.organization_id`,
        userId: actorId,
        action: "write",
        additionalFields: sql`jsonb_build_object('prebuilds_invalidated', (select count(*)
          from invalidated))`,
      },
      sql`target where target.allowed`,
    )})
    select allowed, name as template_name, version_name as template_version_name,
      coalesce((select jsonb_agg(i.name order by i.display_order, i.name) from invalidated i),
        '[]') as presets
    from target`,
  )
}
