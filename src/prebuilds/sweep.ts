/** The reconcile as a sweep of the cron: one cycle a minute, its counts for the log, its gauges for the metrics page. */
import { postJobs } from "../jobs/post.ts"
import type { Sweep } from "../sweeps.ts"
import { writePoolGauges } from "./pool-gauges.ts"
import { reconcilePools } from "./reconcile.ts"

export const prebuildsSweep: Sweep = {
  name: "prebuilds",
  run: async ({ db, env, now, waitUntil }) => {
    const startedAt = performance.now()
    const { pools, isPaused, builds, counts } = await reconcilePools(db, now)
    if (builds.length > 0) waitUntil(postJobs(env, builds))
    await writePoolGauges(db, pools, { isPaused, durationMs: performance.now() - startedAt, now })
    return counts
  },
}
