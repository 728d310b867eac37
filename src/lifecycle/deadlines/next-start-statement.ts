// Writes the next starts that the tick computed.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts, uuids } from "../../platform/db/sql.ts"
import type { OpenNextStart } from "../tick/prepare-statement.ts"

export type NextStart = { open: OpenNextStart; nextStartAt: Date | null }

/**
 * Sets `next_start_at` of each workspace whose build, schedule and allowed days are unchanged.
 *
 * A start that was computed from other inputs is dropped. The write marks the workspace dirty, so
 * that its rules are read again. Run twice, the second changes nothing.
 */
export function writeNextStarts(starts: readonly NextStart[]): Statement<{ id: string }> {
  const opens = starts.map((start) => start.open)
  return statement(
    "lifecycle.write-next-starts",
    sql`update workspaces w set next_start_at = n.next_start_at
    from unnest(${uuids(opens.map((open) => open.workspace_id))},
      ${uuids(opens.map((open) => open.build_id))}, ${texts(opens.map((open) => open.schedule))},
      ${sql.param(opens.map((open) => open.allowed_days))}::int[],
      ${instants(starts.map((start) => start.nextStartAt))})
      as n (id, build_id, schedule, allowed_days, next_start_at), templates t
    where w.id = n.id and t.id = w.template_id and w.latest_build_id = n.build_id
      and w.autostart_schedule = n.schedule and t.autostart_days = n.allowed_days
      and w.dormant_at is null and not w.deleted and w.owner_id <> prebuilds_user_id()
      and w.next_start_at is distinct from n.next_start_at
    returning w.id`,
  )
}
