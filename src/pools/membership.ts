// The prebuilds user's membership of every organization that has a pool.
//
// There it also belongs to a group of its own, which has a quota.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"

const poolGroupName = "coderprebuiltworkspaces"

/**
 * Adds what is missing; nothing while the reconcile is paused. Safe to repeat and to run twice at
 * once: every insert yields to an existing row. A group that another run creates at the same
 * instant gets its member in the next run.
 */
export function ensurePoolMembership(now: Date): Statement<{ organization_id: string }> {
  return statement(
    "prebuilds.membership",
    sql`
    with pooled as (
      select distinct t.organization_id from template_version_presets p
      join template_versions v on v.id = p.template_version_id
      join templates t on t.id = v.template_id
      where p.desired_instances is not null and not (${isReconcilePaused})
    ), joined as (
      insert into organization_members (user_id, organization_id, created_at, updated_at)
      select prebuilds_user_id(), organization_id, ${now}::timestamptz, ${now}::timestamptz
        from pooled
      where not exists (select from organization_members m
        where m.user_id = prebuilds_user_id() and m.organization_id = pooled.organization_id)
      on conflict do nothing returning organization_id
    ), made as (
      insert into groups (id, organization_id, name, display_name, quota_allowance, created_at)
      select gen_random_uuid(), organization_id, ${poolGroupName}, 'Prebuilt Workspaces', 0,
        ${now}::timestamptz from pooled
      where not exists (select from groups g where g.organization_id = pooled.organization_id
        and lower(g.name) = ${poolGroupName})
      on conflict do nothing returning id
    ), grouped as (
      insert into group_members (group_id, user_id)
      select id, prebuilds_user_id() from (
        select id from made
        union all
        select g.id from groups g join pooled on pooled.organization_id = g.organization_id
          and lower(g.name) = ${poolGroupName}
      ) g
      where not exists (select from group_members m where m.group_id = g.id
        and m.user_id = prebuilds_user_id())
      on conflict do nothing
    )
    select organization_id from joined`,
  )
}

/** True while an administrator has paused the reconcile. Claims continue. */
export const isReconcilePaused = sql`coalesce((select (c.value ->> 'reconciliation_paused')::boolean
  from site_configs c where c.key = 'prebuilds_settings'), false)`
