// A pool on the wire: its state by the rules of the reconcile, and its figures.
import { z } from "@hono/zod-openapi"
import { timeSchema, uuidSchema, wireTimeOrNull } from "../platform/http/wire.ts"
import { planPool } from "./plan.ts"
import type { PoolFigures } from "./figures.ts"
import { poolState } from "./state.ts"
import { type PoolRow, poolOfRow } from "./read-pools.ts"

const count = z.int().min(0)

export const poolSchema = z
  .object({
    preset_id: uuidSchema,
    preset_name: z.string(),
    template_version_id: uuidSchema,
    status: z.enum(["healthy", "hard_limited", "validation_failed"]),
    desired: count,
    running: count.openapi({ description: "Expired ones included." }),
    eligible: count.openapi({ description: "Ready to be claimed." }),
    expired: count,
    stopped: count.openapi({ description: "The next reconcile deletes them." }),
    failed: count.openapi({
      description: "Failed or canceled. The reconcile deletes those that no limit counts.",
    }),
    starting: count,
    deleting: count,
    hard_limited: z.boolean(),
    backoff_until: timeSchema.nullable(),
    hits: count,
    misses: count,
    claim_ms: z.object({ P50: z.number().nullable(), P95: z.number().nullable() }),
    idle_minutes: count,
    wasted_minutes: count,
  })
  .openapi("PrebuildPool")

/**
 * Converts the pools of one template's active version, by name. Only pools with figures are shown.
 */
export function poolFiguresView(
  rows: readonly PoolRow[],
  figures: readonly PoolFigures[],
  now: Date,
) {
  const seen = new Map(figures.map((figure) => [figure.preset_id, figure]))
  return rows
    .flatMap((row) => {
      const figure = seen.get(row.preset_id)
      if (!figure) return []
      const pool = poolOfRow(row)
      const state = poolState(pool, now)
      const [first] = planPool(pool, now)
      return [
        {
          preset_id: pool.presetId,
          preset_name: pool.presetName,
          template_version_id: pool.templateVersionId,
          status: pool.prebuildStatus,
          desired: state.desired,
          running: state.actual,
          eligible: state.eligible,
          expired: state.expired,
          stopped: pool.remnants.filter((remnant) => remnant.state === "stopped").length,
          failed: pool.remnants.filter((remnant) => remnant.state !== "stopped").length,
          starting: state.starting,
          deleting: state.deleting,
          hard_limited: pool.isHardLimited,
          backoff_until: wireTimeOrNull(first?.type === "backoff" ? first.until : null),
          hits: figure.hits,
          misses: figure.misses,
          claim_ms: { P50: figure.claim_ms_p50, P95: figure.claim_ms_p95 },
          idle_minutes: figure.idle_minutes,
          wasted_minutes: figure.wasted_minutes,
        },
      ]
    })
    .toSorted((a, b) => (a.preset_name < b.preset_name ? -1 : 1))
}
