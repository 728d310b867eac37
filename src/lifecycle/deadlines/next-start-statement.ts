// Writes the next starts that the tick computed.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts, uuids } from "../../platform/db/sql.ts"
import type { OpenNextStart } from "../tick/prepare-statement.ts"

export type NextStart = { open: OpenNextStart; nextStartAt: Date | null }

/**
 * Sets `next_start_at` of each workspace whose latest build, schedule and allowed days are still those that it was computed
 * from. The write marks the workspace, so the rules look at it again. Twice: the second changes nothing.
 */
export function writeNextStarts(starts: readonly NextStart[]): Statement<{ id: string }> {
  return statement(
    "lifecycle.write-next-starts",
    sql`update workspaces w set next_start_at = n.next_start_at
    from unnest(${uuids(starts.map((start) => start.open.workspace_id))}, ${uuids(starts.map((start) => start.open.build_id))},
      ${texts(starts.map((start) => start.open.schedule))}, ${sql.param(starts.map((start) => start.open.allowed_days))}::int[],
      ${instants(starts.map((start) => start.nextStartAt))}) as n (id, build_id, schedule, allowed_days, next_start_at),
      templates t
    where w.id = n.id and t.id = w.template_id and w.latest_build_id = n.build_id and w.autostart_schedule = n.schedule
      and t.autostart_days = n.allowed_days and w.dormant_at is null and not w.deleted and w.owner_id <> prebuilds_user_id()
      and w.next_start_at is distinct from n.next_start_at
    returning w.id`,
  )
}
