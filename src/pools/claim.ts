// The claim: one prebuild of a preset is handed to exactly one owner, inside the statement that creates a workspace.
//
// Use in that statement, in this order:
//   with picked_prebuild as (${pickPrebuild({ presetId, now })}),
//        revoked_pool_keys as (${revokePoolKeys}),
//        claimed as (update workspaces w set owner_id = ..., name = ... from picked_prebuild p where w.id = p.id returning ...)
// and take the claim build's request (number = latest_build_number + 1, stage claim) from what `claimed` returned.
import { type SQL, sql } from "drizzle-orm"

/**
 * One claimable prebuild of the preset: `id`, `pool_name`, `organization_id`, `template_id`, `latest_build_id`,
 * `latest_build_number`. No row where the preset is null or its pool has none.
 *
 * Claimable: owned by the prebuilds user, its latest build a succeeded start of the template's active version, every
 * agent that lives ready and at least one there, neither expired nor invalidated, the template not deleted. The row is
 * locked and rows that others hold are passed over, so concurrent claims take different prebuilds; what changed under
 * the lock is tested again on the row's own columns (owner, deleted, latest build). Walks `workspaces_pool`.
 */
export function pickPrebuild({ presetId, now }: { presetId: SQL; now: Date }): SQL {
  return sql`
    select w.id, w.name as pool_name, w.organization_id, w.template_id, w.latest_build_id, w.latest_build_number
    from template_version_presets p
    join template_versions v on v.id = p.template_version_id
    join templates t on t.id = v.template_id and t.active_version_id = v.id and not t.deleted
    join workspaces w on w.template_id = t.id
    join workspace_builds b on b.id = w.latest_build_id and b.template_version_id = v.id
    where p.id = (${presetId})::uuid
      and w.owner_id = prebuilds_user_id() and not w.deleted
      and w.latest_transition = 'start' and w.latest_job_status = 'succeeded'
      and (p.last_invalidated_at is null or w.created_at >= p.last_invalidated_at)
      and (coalesce(p.invalidate_after_secs, 0) <= 0
        or w.created_at >= ${now}::timestamptz - make_interval(secs => p.invalidate_after_secs))
      and p.id = (
        select c.template_version_preset_id from workspace_builds c
        where c.workspace_id = w.id and c.template_version_preset_id is not null
        order by c.build_number desc limit 1)
      and (
        select bool_and(a.lifecycle_state = 'ready') from workspace_agents a
        where a.build_id = w.latest_build_id and not a.deleted)
    limit 1
    for update of w skip locked`
}

/** Ends the keys that the pool's builds were given: whatever a prebuild was told before the claim is void after it. */
export const revokePoolKeys: SQL = sql`
  delete from api_keys k using picked_prebuild p where k.workspace_id = p.id`
