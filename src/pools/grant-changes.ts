// Turns the plans of one cycle into bounded changes.
//
// Decides which pools are refused, and how much of each plan this cycle does.
import type { PoolAction } from "./plan.ts"
import { poolState } from "./state.ts"
import type { PoolSnapshot } from "./read-pools.ts"

/**
 * The most builds of one cycle; the next cycle continues. Keeps the statement short and its row
 * locks brief.
 */
export const buildCountMax = 500

/**
 * The most pool starts per template that may wait for a daemon, so that they never fill the queue.
 */
export const queuedCountMax = 25

export type PlannedPool = { pool: PoolSnapshot; actions: PoolAction[] }

export type Grant = { pool: PoolSnapshot; deleteIds: string[]; createCount: number }

export type GrantedChanges = { grants: Grant[]; deferred: number }

/**
 * Deletes come first, then creates, dealt one at a time over the pools, so that a large pool does
 * not starve a small one. A pool that is hard-limited or whose validation failed gets no creates.
 * Creates are limited to what the pool desires.
 */
export function grantChanges(planned: readonly PlannedPool[], now: Date): GrantedChanges {
  let left = buildCountMax
  let deferred = 0
  const grants: Grant[] = planned.map(({ pool, actions }) => {
    const wanted = actions.flatMap((action) => (action.type === "delete" ? action.ids : []))
    const deleteIds = wanted.slice(0, left)
    left -= deleteIds.length
    deferred += wanted.length - deleteIds.length
    return { pool, deleteIds, createCount: 0 }
  })

  const waiting = planned.flatMap(({ pool, actions }, index) => {
    const wanted = actions.reduce(
      (sum, action) => sum + (action.type === "create" ? action.count : 0),
      0,
    )
    const isRefused = pool.isHardLimited || pool.prebuildStatus === "validation_failed"
    const count = isRefused ? 0 : Math.min(wanted, poolState(pool, now).desired)
    return count > 0 ? [{ index, count, templateId: pool.templateId }] : []
  })
  const queued = new Map<string, number>()
  for (const { pool } of planned)
    queued.set(pool.templateId, (queued.get(pool.templateId) ?? 0) + pool.queuedCount)

  while (left > 0 && waiting.some(({ count }) => count > 0)) {
    let dealt = 0
    for (const entry of waiting) {
      const queuedCount = queued.get(entry.templateId) ?? 0
      const grant = grants[entry.index]
      if (entry.count === 0 || left === 0 || queuedCount >= queuedCountMax || !grant) continue
      entry.count -= 1
      grant.createCount += 1
      queued.set(entry.templateId, queuedCount + 1)
      left -= 1
      dealt += 1
    }
    if (dealt === 0) break
  }
  for (const { count } of waiting) deferred += count
  return {
    grants: grants.filter(({ deleteIds, createCount }) => deleteIds.length > 0 || createCount > 0),
    deferred,
  }
}
