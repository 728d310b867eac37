// The bounds of a batch: when the tick looks at each workspace again.
import { sql, type SQL } from "drizzle-orm"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"
import { backoffMs } from "../rules/blocks.ts"
import type { Done } from "./build-steps.ts"
import type { Acting, Judged, Rules, Seen } from "./judge-steps.ts"

type Later = Columns<"later", "workspace_id" | "due_at">

/** The earliest rule of each workspace that is not due yet. */
export function later(now: Date): Step<Rules, Later> {
  return step(sql`later as materialized (
      select workspace_id, min(due_at) as due_at from rules
      where due_at > ${now}::timestamptz group by workspace_id
    )`)
}

type Bounds = Columns<"bounds", "id" | "check_at">

/**
 * The new bound of each workspace. `-infinity` means due now, `infinity` that a build is active.
 *
 * A build's trigger writes the bound of a workspace that is built. If the build was not made after
 * all, the workspace stays due.
 */
export function nextBounds(now: Date): Step<Seen | Later | Judged | Done, Bounds> {
  return step(sql`bounds as materialized (
      select seen.id, case
          when seen.must_ask or done.rule = 'dormancy' then '-infinity'
          when seen.latest_job_status is null or job_is_active(seen.latest_job_status)
            then 'infinity'
          when j.blocked_by = 'not_prepared' then '-infinity'
          else least(${backoffCase(now)}, later.due_at, ${nothingInSight}) end as check_at
      from seen
      left join later on later.workspace_id = seen.id
      left join judged j on j.workspace_id = seen.id
      left join done on done.workspace_id = seen.id
      where done.new_build_id is null or done.rule = 'dormancy'
    )`)
}

/** Writes the bounds, and the dormancy of the workspaces that became dormant. */
export function moved(now: Date): Step<Bounds | Done | Acting, Columns<"moved", "id">> {
  return step(sql`moved as (
      update workspaces w set check_at = bounds.check_at,
        dormant_at = case when done.rule = 'dormancy'
          then ${now}::timestamptz else w.dormant_at end,
        deleting_at = case when done.rule = 'dormancy'
          then done.new_deleting_at else w.deleting_at end
      from bounds left join done on done.workspace_id = bounds.id
      where w.id = bounds.id and not (done.workspace_id is null and exists (
        select from acting a where a.workspace_id = bounds.id))
      returning w.id
    )`)
}

/**
 * The bound of a workspace for which nothing will ever be due as things are.
 *
 * It is not `infinity`, which means that a build is active: the triggers leave such a workspace
 * alone until the build ends, but a policy change must reach this one.
 */
const nothingInSight = sql`'9999-12-31T00:00:00Z'::timestamptz`

/** Over j: when a rule that waits is looked at again. */
function backoffCase(now: Date): SQL {
  const after = (ms: number) => sql`${new Date(now.getTime() + ms)}::timestamptz`
  return sql`case j.blocked_by
      when 'usage_not_flushed' then ${after(backoffMs.usageNotFlushed)}
      when 'no_provisioner' then ${after(backoffMs.noProvisioner)}
      when 'version_not_ready' then ${after(backoffMs.versionNotReady)}
      when 'parameter' then ${after(backoffMs.parameter)} end`
}
