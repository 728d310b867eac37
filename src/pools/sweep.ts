// The reconcile as a sweep of the cron: one cycle a minute, its counts for the log, its gauges.
import { publishWorkspaces } from "../platform/durable/publish.ts"
import type { Sweep } from "../sweeps.ts"
import { writePoolGauges } from "./gauges.ts"
import { reconcilePools } from "./reconcile.ts"

export const prebuildsSweep: Sweep = {
  name: "prebuilds",
  run: async ({ db, env, now, made, waitUntil }) => {
    const startedAt = performance.now()
    const { pools, isPaused, builds, canceledWorkspaceIds, counts } = await reconcilePools(db, now)
    const changed = [...builds.map(({ workspace_id }) => workspace_id), ...canceledWorkspaceIds]
    made.push(...builds)
    if (changed.length > 0) waitUntil(publishWorkspaces(env, changed))
    await writePoolGauges(db, pools, { isPaused, durationMs: performance.now() - startedAt, now })
    return counts
  },
}
