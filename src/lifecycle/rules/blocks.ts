// What makes a rule that is due wait, and when it is looked at again.
import { sql, type SQL } from "drizzle-orm"
import { aliveSince } from "../../queue/freshness.ts"
import { tagsMatch } from "../../queue/tags.ts"

/** How long a rule that waits is left alone, where nothing marks the workspace when the block goes away. */
export const backoffMs = {
  usageNotFlushed: 60_000,
  noProvisioner: 120_000,
  versionNotReady: 300_000,
  parameter: 900_000,
}

/** Autostop waits this long at most for use that is still in a buffer; dormancy and deletion wait until it is known. */
export const usageGraceMs = 15 * 60_000

/** The first due instant of an autostop that still waits for use; those due before it have waited long enough. */
export function usageGraceEnd(now: Date): Date {
  return new Date(now.getTime() - usageGraceMs)
}

/**
 * The CTE `supply` (version_id, is_ready, is_alive) over the distinct `template_version_id` of the CTE `firing`: whether a version's
 * import succeeded, and whether a daemon of its organization that matches its tags was seen within 90 seconds.
 */
export function supplyCte(now: Date): SQL {
  return sql`supply as materialized (
      select v.id as version_id, vj.job_status = 'succeeded' as is_ready, exists (
          select from provisioner_daemons d
          where d.organization_id = v.organization_id and d.last_seen_at >= ${aliveSince(now)}::timestamptz
            and ${tagsMatch(sql`vj.tags`, sql`d.tags`)}) as is_alive
      from (select distinct template_version_id from firing where transition is not null) f
      join template_versions v on v.id = f.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
    )`
}
