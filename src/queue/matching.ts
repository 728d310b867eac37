// Which daemons may run a job: those that were seen lately and whose tags match.
import { type SQL, sql } from "drizzle-orm"

/** A daemon counts as alive if it was seen within this time. */
export const daemonStaleAfterMs = 90_000

/** The oldest `last_seen_at` that is still alive at `now`; the bound is inclusive. */
export const aliveSince = (now: Date) => new Date(now.getTime() - daemonStaleAfterMs)

/** True if a daemon with these tags may run a job with those, both jsonb expressions. */
export function tagsMatch(jobTags: SQL, daemonTags: SQL): SQL {
  return sql`tags_match(${jobTags}, ${daemonTags})`
}
