// The claim: the statement that creates a workspace gives one prebuild of a preset to its owner.
//
// Use in that statement, in this order:
//   with picked_prebuild as (${pickPrebuild({ presetId, now })}),
//        revoked_pool_keys as (${revokePoolKeys}),
//        claimed as (update workspaces w set owner_id = ..., name = ...
//          from picked_prebuild p where w.id = p.id returning ...)
//
// The claim build's request follows from what `claimed` returned: number = latest_build_number + 1,
// stage = claim.
import { type SQL, sql } from "drizzle-orm"

/**
 * Picks one claimable prebuild of the preset: `id`, `pool_name`, `organization_id`, `template_id`,
 * `latest_build_id`, `latest_build_number`. Returns no row if the preset is null or its pool has
 * none.
 *
 * A claimable prebuild belongs to the prebuilds user and is neither expired nor invalidated. Its
 * latest build is a succeeded start of the active version of a template that is not deleted. It has
 * an agent, and all its agents are ready.
 *
 * The row is locked and locked rows are skipped, so concurrent claims take different prebuilds.
 * What may change before the lock is checked again on the row's own columns: owner, deleted, latest
 * build. Walks `workspaces_pool`.
 */
export function pickPrebuild({ presetId, now }: { presetId: SQL; now: Date }): SQL {
  return sql`
    select w.id, w.name as pool_name, w.organization_id, w.template_id, w.latest_build_id,
      w.latest_build_number
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

/**
 * Deletes the keys that the pool's builds were given: no secret that a prebuild received before the
 * claim stays valid.
 */
export const revokePoolKeys: SQL = sql`
  delete from api_keys k using picked_prebuild p where k.workspace_id = p.id`
