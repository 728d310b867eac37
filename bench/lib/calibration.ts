// How fast this machine is right now, so that milliseconds of two runs can be compared: a fixed statement of pure computation.
import { sql } from "drizzle-orm"
import { statement, type Database } from "../../src/platform/db/client.ts"
import { median } from "./median.ts"

const runs = 5
/** What the statement takes on the machine that the targets in milliseconds were written on. */
const referenceMs = 200

export type Calibration = {
  ms: number
  /** Targets in milliseconds are multiplied with this; never below 1, for a fast machine gets no harder target. */
  slack: number
}

export async function calibrate(db: Database): Promise<Calibration> {
  const times: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const startedAt = performance.now()
    await db.all(
      statement(
        "bench.calibration",
        sql`select count(*) from (select md5(n::text) as h from generate_series(1, 300000) n order by 1) s`,
      ),
    )
    times.push(performance.now() - startedAt)
  }
  const ms = median(times)
  return { ms, slack: Math.max(1, ms / referenceMs) }
}
