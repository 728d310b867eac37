// The sweeps that the cron runs each minute, in order. Each does everything that is due at `now`.
//
// A sweep that fails does not stop the next. The run is marked failed at its end, so that the
// platform shows it.
import { openDatabase, type Database, type DatabaseCall } from "./platform/db/client.ts"
import { messageOf, writeEvent } from "./platform/event.ts"
import type { WaitingJob } from "./queue/notify/daemons.ts"

export type SweepContext = {
  env: Env
  db: Database
  /** The tick, truncated to the minute. */
  now: Date
  /** The instant at which the run began, by the clock: later than `now` by the tick's lag. */
  startedAt: Date
  source: "cron" | "backup"
  /** Jobs that sweeps have made and that no daemon has been notified of yet. */
  made: WaitingJob[]
  /** For hints that may outlive the sweep: wake-ups, feeds. */
  waitUntil: (work: Promise<unknown>) => void
}

export type Sweep = {
  name: string
  /** Returns what it did, by kind: the log line and the tests' assertion. */
  run: (context: SweepContext) => Promise<Record<string, number>>
}

/** Runs the sweeps at a minute. Throws after the last one if any failed. */
export async function runSweeps(
  sweeps: readonly Sweep[],
  run: Omit<SweepContext, "db" | "made">,
): Promise<Record<string, Record<string, number>>> {
  const cost = { dbCalls: 0, dbMs: 0 }
  const onCall = (call: DatabaseCall) => {
    cost.dbCalls += 1
    cost.dbMs += call.ms
  }
  const context: SweepContext = { ...run, db: openDatabase(run.env, { onCall }), made: [] }
  const counts: Record<string, Record<string, number>> = {}
  const failed: string[] = []
  for (const sweep of sweeps) {
    try {
      counts[sweep.name] = await sweep.run(context)
    } catch (error) {
      failed.push(sweep.name)
      const sweepFailed = { event: "sweep_failed", outcome: "error", sweep: sweep.name }
      writeEvent({ ...sweepFailed, error: messageOf(error) })
    }
  }
  writeEvent({
    event: "tick",
    tickAt: run.now.toISOString(),
    source: run.source,
    lagMs: run.startedAt.getTime() - run.now.getTime(),
    counts,
    failed,
    ...cost,
  })
  if (failed.length > 0) throw new Error(`sweeps failed: ${failed.join(", ")}`)
  return counts
}
