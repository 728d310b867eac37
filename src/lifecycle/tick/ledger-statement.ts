// The ledger: one row per run of the lifecycle. It shows lag, gaps and doubled ticks afterwards.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"

export type TickRecord = {
  tickAt: Date
  startedAt: Date
  finishedAt: Date
  source: "cron" | "backup"
  lagMs: number
  counts: Record<string, number>
  more: boolean
  /**
   * Shards of the usage tracker that did not flush. Null if nothing was due and no flush was
   * made.
   */
  unflushedShards: readonly number[] | null
  error: string | null
}

export function recordTick(tick: TickRecord): Statement<{ id: number }> {
  const unflushed = sql.param(tick.unflushedShards === null ? null : [...tick.unflushedShards])
  return statement(
    "lifecycle.record-tick",
    sql`insert into lifecycle_ticks (tick_at, started_at, finished_at, source, lag_ms, counts,
      more, unflushed_shards, error)
    values (${tick.tickAt}::timestamptz, ${tick.startedAt}::timestamptz,
      ${tick.finishedAt}::timestamptz, ${tick.source}, ${tick.lagMs}::bigint,
      ${json(tick.counts)}, ${tick.more}::boolean, ${unflushed}::int[], ${tick.error}::text)
    returning id`,
  )
}
