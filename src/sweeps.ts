// What the cron does each minute: sweeps in order, each "everything due at now". One that fails does not stop the next; the
// run is marked failed at the end, so that the platform shows it.
import {
  connect,
  parseDatabaseUrl,
  type Database,
  type DatabaseCall,
} from "./platform/db/client.ts"
import { writeEvent } from "./platform/event.ts"
import type { PostedJob } from "./queue/board/post.ts"

export type SweepContext = {
  env: Env
  db: Database
  /** The tick, truncated to the minute. */
  now: Date
  /** The instant at which the run began, by the clock: later than `now` by the tick's lag. */
  startedAt: Date
  source: "cron" | "backup"
  /** Jobs that sweeps have made and that daemons have not been told of yet. */
  made: PostedJob[]
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
  const database = parseDatabaseUrl(run.env.DATABASE_URL)
  if (!database.ok) throw new Error(database.error)
  const cost = { dbCalls: 0, dbMs: 0 }
  const onCall = (call: DatabaseCall) => {
    cost.dbCalls += 1
    cost.dbMs += call.ms
  }
  const context: SweepContext = { ...run, db: connect(database.url, { onCall }), made: [] }
  const counts: Record<string, Record<string, number>> = {}
  const failed: string[] = []
  for (const sweep of sweeps) {
    try {
      counts[sweep.name] = await sweep.run(context)
    } catch (error) {
      failed.push(sweep.name)
      writeEvent({
        event: "sweep_failed",
        outcome: "error",
        sweep: sweep.name,
        error: error instanceof Error ? error.message : String(error),
      })
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
