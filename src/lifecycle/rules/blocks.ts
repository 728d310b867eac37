// What makes a due rule wait, and when the tick looks at it again.
import { sql, type SQL } from "drizzle-orm"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"
import { aliveSince, tagsMatch } from "../../queue/matching.ts"

/** How long a waiting rule is left alone if nothing marks the workspace when the block ends. */
export const backoffMs = {
  usageNotFlushed: 60_000,
  noProvisioner: 120_000,
  versionNotReady: 300_000,
  parameter: 900_000,
}

/**
 * The longest that an autostop waits for use that is still in a buffer. Dormancy and deletion wait
 * until the use is known.
 */
export const usageGraceMs = 15 * 60_000

/**
 * Over f (firing), b (workspace_builds) and s (supply): what blocks the rule, or null.
 *
 * `isInBuffer` is a condition over f: use of the workspace may still be in a buffer.
 */
export function ruleBlock(isInBuffer: SQL, now: Date): SQL {
  const graceEnd = new Date(now.getTime() - usageGraceMs)
  return sql`rule_block(f.job_status, f.rule, f.due_at, f.transition, ${isInBuffer},
          s.is_ready, s.is_alive, f.template_version_id <> b.template_version_id,
          ${graceEnd}::timestamptz)`
}

export type Firing = Columns<
  "firing",
  "workspace_id" | "rule" | "build_id" | "transition" | "template_version_id" | "due_at"
>
export type Supply = Columns<"supply", "version_id" | "is_ready" | "is_alive">

/**
 * Per version to build: whether its import succeeded, and whether a daemon can take it.
 *
 * A daemon can if it is of the version's organization, matches its tags, and was seen within 90
 * seconds.
 */
export function supply(now: Date): Step<Firing, Supply> {
  const isAlive = sql`d.organization_id = v.organization_id
            and d.last_seen_at >= ${aliveSince(now)}::timestamptz
            and ${tagsMatch(sql`vj.tags`, sql`d.tags`)}`
  return step(sql`supply as materialized (
      select v.id as version_id, vj.job_status = 'succeeded' as is_ready,
        exists (select from provisioner_daemons d where ${isAlive}) as is_alive
      from (select distinct template_version_id from firing where transition is not null) f
      join template_versions v on v.id = f.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
    )`)
}
