// One cycle over all pools: read once, plan each, write the plans.
//
// It is level-triggered, so a missed cycle is harmless.
import type { Database } from "../platform/db/client.ts"
import { messageOf, writeEvent } from "../platform/event.ts"
import {
  type AppliedBuild,
  applyPoolChanges,
  type PoolChange,
  setPoolStatuses,
  type StatusChange,
} from "./apply-changes.ts"
import { cancelPending } from "./cancel-pending.ts"
import { type Grant, grantChanges, type PlannedPool } from "./grant-changes.ts"
import { planPool } from "./plan.ts"
import { ensurePoolMembership } from "./membership.ts"
import { readPoolParameters, resolvePoolParameters } from "./parameters.ts"
import { poolOfRow, type PoolSnapshot, readPools } from "./read-pools.ts"

export type ReconcileResult = {
  isPaused: boolean
  /** The pools as they were read, before anything was done. */
  pools: PoolSnapshot[]
  /** Builds made, to notify daemons and feeds of. */
  builds: AppliedBuild[]
  canceledWorkspaceIds: string[]
  counts: ReconcileCounts
}

export type ReconcileCounts = {
  pools: number
  created: number
  deleted: number
  canceled: number
  backingOff: number
  /** Presets whose parameters or tags can never make a build. */
  invalid: number
  hardLimited: number
  /** Wanted, but left for a later cycle by the bounds. */
  deferred: number
  /** Pools whose change failed; the others were written. */
  failed: number
}

const noCounts: ReconcileCounts = {
  pools: 0,
  created: 0,
  deleted: 0,
  canceled: 0,
  backingOff: 0,
  invalid: 0,
  hardLimited: 0,
  deferred: 0,
  failed: 0,
}

/**
 * Reconciles all pools. Safe beside itself and beside claims: every write checks its own
 * precondition. Makes at most two round trips if there is nothing to do, five otherwise.
 */
export async function reconcilePools(db: Database, now: Date): Promise<ReconcileResult> {
  const [, rows] = await db.batch([ensurePoolMembership(now), readPools(now)])
  const pools = rows.map(poolOfRow)
  if (rows[0]?.is_paused) {
    return {
      isPaused: true,
      pools,
      builds: [],
      canceledWorkspaceIds: [],
      counts: { ...noCounts, pools: pools.length },
    }
  }
  const planned: PlannedPool[] = pools.map((pool) => ({ pool, actions: planPool(pool, now) }))
  const { grants, deferred } = grantChanges(planned, now)

  const statuses: StatusChange[] = pools
    .filter(
      ({ isHardLimited, prebuildStatus }) => isHardLimited && prebuildStatus !== "hard_limited",
    )
    .map(({ presetId }) => ({ preset_id: presetId, prebuild_status: "hard_limited" }))
  const { changes, invalid } = await resolveChanges(db, grants)
  statuses.push(
    ...invalid.map((preset_id) => ({ preset_id, prebuild_status: "validation_failed" as const })),
  )
  if (statuses.length > 0) await db.all(setPoolStatuses(statuses))

  const { builds, failed } = await applyChanges(db, changes, now)
  const canceledWorkspaceIds = await cancelUnwanted(db, planned, now)
  return {
    isPaused: false,
    pools,
    builds,
    canceledWorkspaceIds,
    counts: {
      pools: pools.length,
      created: builds.filter(({ transition }) => transition === "start").length,
      deleted: builds.filter(({ transition }) => transition === "delete").length,
      canceled: canceledWorkspaceIds.length,
      backingOff: planned.filter(({ actions }) => actions[0]?.type === "backoff").length,
      invalid: invalid.length,
      hardLimited: pools.filter(({ isHardLimited }) => isHardLimited).length,
      deferred,
      failed,
    },
  }
}

/**
 * Gives every build its ids and every create its parameters. Returns the presets whose parameters
 * do not resolve.
 */
async function resolveChanges(db: Database, grants: readonly Grant[]) {
  const creating = grants
    .filter(({ createCount }) => createCount > 0)
    .map(({ pool }) => pool.presetId)
  const rows = creating.length > 0 ? await db.all(readPoolParameters(creating)) : []
  const resolved = new Map(rows.map((row) => [row.preset_id, resolvePoolParameters(row)]))
  const invalid: string[] = []
  const changes: PoolChange[] = grants.map(({ pool, deleteIds, createCount }) => {
    const parameters = resolved.get(pool.presetId)
    if (parameters?.ok === false) invalid.push(pool.presetId)
    return {
      preset_id: pool.presetId,
      pool_version: pool.poolVersion,
      parameters: parameters?.ok ? parameters.values : [],
      creates: Array.from({ length: parameters?.ok ? createCount : 0 }, () => ({
        workspace_id: crypto.randomUUID(),
        name: prebuildName(),
        build_id: crypto.randomUUID(),
        job_id: crypto.randomUUID(),
      })),
      deletes: deleteIds.map((workspace_id) => ({
        workspace_id,
        build_id: crypto.randomUUID(),
        job_id: crypto.randomUUID(),
        is_running: pool.running.some(({ id }) => id === workspace_id),
      })),
    }
  })
  return {
    changes: changes.filter(({ creates, deletes }) => creates.length + deletes.length > 0),
    invalid,
  }
}

/**
 * Writes all changes at once; if that fails, pool by pool, so that a broken pool blocks no other.
 */
async function applyChanges(db: Database, changes: readonly PoolChange[], now: Date) {
  if (changes.length === 0) return { builds: [], failed: 0 }
  try {
    return { builds: await db.all(applyPoolChanges(changes, now)), failed: 0 }
  } catch (error) {
    if (changes.length === 1) {
      writeEvent({
        event: "pool_change_failed",
        outcome: "error",
        presetId: changes[0]?.preset_id,
        error: messageOf(error),
      })
      return { builds: [], failed: 1 }
    }
  }
  const result: { builds: AppliedBuild[]; failed: number } = { builds: [], failed: 0 }
  for (const change of changes) {
    const one: { builds: AppliedBuild[]; failed: number } = await applyChanges(db, [change], now)
    result.builds.push(...one.builds)
    result.failed += one.failed
  }
  return result
}

async function cancelUnwanted(
  db: Database,
  planned: readonly PlannedPool[],
  now: Date,
): Promise<string[]> {
  const presetIds = planned
    .filter(({ actions }) => actions.some(({ type }) => type === "cancel_pending"))
    .map(({ pool }) => pool.presetId)
  if (presetIds.length === 0) return []
  const [canceled] = await db.batch(cancelPending(presetIds, now))
  return canceled.map(({ workspace_id }) => workspace_id)
}

const base32 = "abcdefghijklmnopqrstuvwxyz234567"

/** Returns `prebuild-` and 15 random base32 characters, so that two names never collide. */
function prebuildName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(15))
  return `prebuild-${Array.from(bytes, (byte) => base32[byte % 32]).join("")}`
}
