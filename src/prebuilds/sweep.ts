/** The reconcile as a sweep of the cron: one cycle a minute, its counts for the log. */
import type { Sweep } from "../sweeps.ts"
import { reconcilePools } from "./reconcile.ts"

export const prebuildsSweep: Sweep = {
  name: "prebuilds",
  run: async ({ db, now }) => {
    const { counts } = await reconcilePools(db, now)
    return counts
  },
}
