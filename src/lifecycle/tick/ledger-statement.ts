// The ledger: one row a run of the lifecycle, so that lag, gaps and doubled ticks can be seen afterwards.
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
  /** Shards of the usage tracker that did not flush; null where nothing was due, so that none was asked. */
  unflushedShards: readonly number[] | null
  error: string | null
}

export function recordTick(tick: TickRecord): Statement<{ id: number }> {
  return statement(
    "lifecycle.record-tick",
    sql`insert into lifecycle_ticks (tick_at, started_at, finished_at, source, lag_ms, counts, more, unflushed_shards, error)
    values (${tick.tickAt}::timestamptz, ${tick.startedAt}::timestamptz, ${tick.finishedAt}::timestamptz, ${tick.source},
      ${tick.lagMs}::bigint, ${json(tick.counts)}, ${tick.more}::boolean,
      ${sql.param(tick.unflushedShards === null ? null : [...tick.unflushedShards])}::int[], ${tick.error}::text)
    returning id`,
  )
}
