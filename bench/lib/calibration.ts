// How fast this machine is right now, by a fixed statement of pure computation.
//
// It makes milliseconds of two runs comparable.
import { sql } from "drizzle-orm"
import { statement, type Database } from "../../src/platform/db/client.ts"
import { median } from "./median.ts"

const runs = 5
/** The statement's time on the machine that the targets in milliseconds were written on. */
const referenceMs = 200

export type Calibration = {
  ms: number
  /**
   * Targets in milliseconds are multiplied by this. It is never below 1, so a fast machine gets no
   * harder target.
   */
  slack: number
}

export async function calibrate(db: Database): Promise<Calibration> {
  const times: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const startedAt = performance.now()
    await db.all(
      statement(
        "bench.calibration",
        sql`select count(*) from (select md5(n::text) as h from generate_series(1, 300000) n
          order by 1) s`,
      ),
    )
    times.push(performance.now() - startedAt)
  }
  const ms = median(times)
  return { ms, slack: Math.max(1, ms / referenceMs) }
}
