// How a template's pools have performed.
//
// Counts claims, misses, the wait of a claim, and the running time that nobody used.
import { sql } from "drizzle-orm"
import { may } from "../access/may.ts"
import { type Statement, statement } from "../platform/db/client.ts"
import { isStage } from "../queue/prebuild-stage.ts"

export type PoolFigures = {
  preset_id: string
  /** Claims since the start of the period. */
  hits: number
  /** Workspaces that people created from the preset when no prebuild could be claimed. */
  misses: number
  /** From the request to the end of the claim's build. */
  claim_ms_p50: number | null
  claim_ms_p95: number | null
  /** Minutes that prebuilds ran before they were claimed, or in total if they never were. */
  idle_minutes: number
  /** Of these, the minutes of prebuilds that were deleted unclaimed. */
  wasted_minutes: number
}

/** Returns a row if the caller may read the template. */
export function readTemplate(templateId: string): Statement<{ id: string }> {
  return statement(
    "prebuilds.template",
    sql`select t.id from templates t where t.id = ${templateId} and not t.deleted
      and ${may("read", "template", { id: sql`t.id`, organization: sql`t.organization_id` })}`,
  )
}

/**
 * Returns one row per preset with a pool of the template's active version; none if the template
 * cannot be read.
 *
 * Presets of one name are one pool through all versions, so a new version keeps the history. Reads
 * the builds of the period
 */
export function readPoolFigures(
  templateId: string,
  sinceAt: Date,
  now: Date,
): Statement<PoolFigures> {
  return statement(
    "prebuilds.figures",
    sql`
    with presets as (
      select p.id, p.name, t.id as template_id from templates t
      join template_version_presets p on p.template_version_id = t.active_version_id
        and p.desired_instances is not null
      where t.id = ${templateId} and not t.deleted
        and ${may("read", "template", { id: sql`t.id`, organization: sql`t.organization_id` })}
    ), kin as (
      select p.id as preset_id, k.id from presets p
      join template_versions v on v.template_id = p.template_id
      join template_version_presets k on k.template_version_id = v.id and k.name = p.name
    ), recent as (
      select k.preset_id, b.workspace_id, b.build_number, b.created_at, j.job_status,
        j.completed_at,
        b.initiator_id = prebuilds_user_id() as is_pool_build,
        ${isStage(sql`j.input`, "claim")} as is_claim
      from workspace_builds b join kin k on k.id = b.template_version_preset_id
      join provisioner_jobs j on j.id = b.job_id
      where b.created_at >= ${sinceAt}::timestamptz and b.transition = 'start'
    ), idle as (
      select r.preset_id, next.transition,
        extract(epoch
          from coalesce(next.created_at, ${now}::timestamptz) - r.completed_at) / 60 as minutes
      from recent r
      left join workspace_builds next on next.workspace_id = r.workspace_id
        and next.build_number = r.build_number + 1
      where r.is_pool_build and r.job_status = 'succeeded'
    )
    select p.id as preset_id,
      count(r.*) filter (where r.is_claim) as hits,
      count(r.*) filter (where r.build_number = 1 and not r.is_pool_build) as misses,
      percentile_disc(0.5) within group (order by extract(epoch
        from r.completed_at - r.created_at) * 1000)
        filter (where r.is_claim and r.job_status = 'succeeded') as claim_ms_p50,
      percentile_disc(0.95) within group (order by extract(epoch
        from r.completed_at - r.created_at) * 1000)
        filter (where r.is_claim and r.job_status = 'succeeded') as claim_ms_p95,
      coalesce((select round(sum(i.minutes)) from idle i where i.preset_id = p.id),
        0) as idle_minutes,
      coalesce((select round(sum(i.minutes)) from idle i where i.preset_id = p.id
        and i.transition = 'delete'), 0) as wasted_minutes
    from presets p left join recent r on r.preset_id = p.id
    group by p.id`,
  )
}
