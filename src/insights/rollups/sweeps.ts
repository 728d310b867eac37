// The roll-ups as sweeps of the cron: metrics, template figures, usage, the deployment's state.
import { writeSamples } from "../../metrics/store.ts"
import type { Sweep } from "../../sweeps.ts"
import { refreshDeployment } from "./deployment.ts"
import { countJobs } from "../metrics/jobs.ts"
import { countTicks } from "../metrics/lifecycle.ts"
import { gaugeState } from "../metrics/state.ts"
import { refreshTemplates } from "./template.ts"
import { gaugeTrackers } from "../metrics/tracker.ts"
import { rollUpUsage } from "./usage.ts"

/** Refreshes the metrics page. */
export const metricsSweep: Sweep = {
  name: "metrics",
  run: async ({ db, env, now }) => {
    const trackers = await gaugeTrackers(env, now)
    const [[jobs], [ticks], [state]] = await db.batch([
      countJobs(now),
      countTicks(now),
      gaugeState(now),
      writeSamples(
        ["dormouse_usage_tracker_depth", "dormouse_usage_flush_lag_seconds"],
        trackers,
        [],
        now,
      ),
    ])
    return { written: (jobs?.written ?? 0) + (ticks?.written ?? 0) + (state?.written ?? 0) }
  },
}

/** Refreshes what templates and insights show. */
export const rollupSweep: Sweep = {
  name: "rollups",
  run: async ({ db, now }) => {
    const [[templates], [usage], [deployment]] = await db.batch([
      refreshTemplates(now),
      rollUpUsage(now),
      refreshDeployment(now),
    ])
    return {
      templates: templates?.refreshed ?? 0,
      usage: usage?.written ?? 0,
      deployment: deployment?.refreshed ?? 0,
    }
  },
}
