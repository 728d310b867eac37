// The pools' gauges on the metrics page, from the snapshot that the reconcile read.
import type { Database } from "../platform/db/client.ts"
import type { Sample } from "../metrics/store.ts"
import { writeSamples } from "../metrics/store.ts"
import { poolState } from "./state.ts"
import type { PoolSnapshot } from "./read-pools.ts"

const names = [
  "coderd_prebuilt_workspaces_desired",
  "coderd_prebuilt_workspaces_running",
  "coderd_prebuilt_workspaces_eligible",
  "coderd_prebuilt_workspaces_preset_hard_limited",
  "coderd_prebuilt_workspaces_preset_validation_failed",
  "coderd_prebuilt_workspaces_metrics_last_updated",
  "coderd_prebuilt_workspaces_reconciliation_paused",
] as const

/**
 * Samples the pools of active versions, also of deprecated templates. Only limited pools have a
 * sample of their limit.
 */
export function poolSamples(
  pools: readonly PoolSnapshot[],
  isPaused: boolean,
  now: Date,
): Sample[] {
  const samples: Sample[] = [
    {
      name: "coderd_prebuilt_workspaces_metrics_last_updated",
      labels: {},
      value: now.getTime() / 1000,
    },
    {
      name: "coderd_prebuilt_workspaces_reconciliation_paused",
      labels: {},
      value: isPaused ? 1 : 0,
    },
  ]
  for (const pool of pools.filter(
    ({ preset }) => preset.usingActiveVersion && !preset.isTemplateDeleted,
  )) {
    const labels = {
      template_name: pool.templateName,
      preset_name: pool.presetName,
      organization_name: pool.organizationName,
    }
    const state = poolState(pool, now)
    samples.push(
      { name: "coderd_prebuilt_workspaces_desired", labels, value: state.desired },
      { name: "coderd_prebuilt_workspaces_running", labels, value: state.actual },
      { name: "coderd_prebuilt_workspaces_eligible", labels, value: state.eligible },
    )
    if (pool.isHardLimited)
      samples.push({ name: "coderd_prebuilt_workspaces_preset_hard_limited", labels, value: 1 })
    if (pool.prebuildStatus === "validation_failed") {
      samples.push({
        name: "coderd_prebuilt_workspaces_preset_validation_failed",
        labels,
        value: 1,
      })
    }
  }
  return samples
}

export async function writePoolGauges(
  db: Database,
  pools: readonly PoolSnapshot[],
  { isPaused, durationMs, now }: { isPaused: boolean; durationMs: number; now: Date },
): Promise<void> {
  const family = "coderd_prebuilds_reconciliation_duration_seconds"
  const observed = [{ family, labels: {}, seconds: durationMs / 1000 }] as const
  await db.all(writeSamples(names, poolSamples(pools, isPaused, now), observed, now))
}
