// A tick with nothing due: the look-up by check_at against joining every workspace to its latest
// build.
import { sql } from "drizzle-orm"
import { statement } from "../src/platform/db/client.ts"
import { anyDue } from "../src/lifecycle/rules/due.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import { databaseMs } from "./lib/database-time.ts"
import type { Result } from "./lib/report.ts"
import { bulkEpoch, seedMany, seedTemplate } from "./lib/seed-workspaces.ts"

const now = new Date(bulkEpoch.getTime() + 3_600_000)
const nobodyIsDue = new Date(bulkEpoch.getTime() + 8 * 3_600_000)
const sizes = [200_000, 1_000_000] as const
const ticks = 200
const joins = 3

/**
 * The best simple way without a bound: every workspace joined to its latest build and its job, and
 * the rules.
 */
const joinEverything = statement<{ due: number }>(
  "bench.join-everything",
  sql`select count(*)::int as due
  from workspaces w
  join workspace_builds b on b.id = w.latest_build_id
  join provisioner_jobs j on j.id = b.job_id
  join templates t on t.id = w.template_id
  join users u on u.id = w.owner_id
  where not w.deleted and w.owner_id <> prebuilds_user_id() and w.dormant_at is null
    and j.job_status <> 'failed' and (
    b.transition = 'start' and (u.status = 'suspended' or b.deadline <= ${now}::timestamptz)
    or b.transition = 'stop' and u.status = 'active' and w.next_start_at <= ${now}::timestamptz
    or t.time_til_dormant_ms > 0 and w.last_used_at < instant_before(${now}::timestamptz,
      t.time_til_dormant_ms))`,
)

export async function run({ client }: BenchDatabase): Promise<Omit<Result, "bench">> {
  const population = await seedTemplate(client, now)
  const figures: Record<string, number> = {}
  const measured: { tickMs: number; joinMs: number }[] = []
  let seeded = 0
  for (const size of sizes) {
    await seedMany(client, population, { from: seeded, count: size - seeded }, nobodyIsDue)
    seeded = size
    const tickMs = await databaseMs(client, anyDue(now), ticks)
    const joinMs = await databaseMs(client, joinEverything, joins)
    measured.push({ tickMs, joinMs })
    figures[`tickMs${size}`] = tickMs
    figures[`joinMs${size}`] = joinMs
    figures[`ratio${size}`] = joinMs / tickMs
  }
  const [small, large] = measured
  if (small === undefined || large === undefined) throw new Error("both sizes are measured")
  const growth = large.tickMs / small.tickMs
  figures["growth"] = growth
  const areBothUnderOneMs = small.tickMs < 1 && large.tickMs < 1
  return {
    figures,
    targets: [
      { name: "ratio at 200,000", value: small.joinMs / small.tickMs, atLeast: 1000 },
      { name: "ratio at 1,000,000", value: large.joinMs / large.tickMs, atLeast: 1000 },
      {
        name: "growth, or both under 1 ms",
        value: areBothUnderOneMs ? Math.min(growth, 3) : growth,
        atMost: 3,
      },
    ],
  }
}
