// The counts of a pool at an instant: the plan decides from them and the gauges show them.
import { desiredInstancesAt } from "./desired-instances.ts"
import { type InProgress, isExpired, isPoolActive, type Pool } from "./pool.ts"

export type PoolState = InProgress & {
  /** Running prebuilds, expired ones included. */
  actual: number
  expired: number
  desired: number
  /** Ready to be claimed. */
  eligible: number
  /** More than desired, without the expired ones. */
  extraneous: number
}

/**
 * An inactive preset desires nothing and offers nothing. It has no extraneous prebuilds: all
 * running ones are deleted.
 */
export function poolState(pool: Pool, now: Date): PoolState {
  const isActive = isPoolActive(pool.preset)
  const lasting = pool.running.filter(({ createdAt }) => !isExpired(pool.preset, createdAt, now))
  const desired = isActive ? desiredInstancesAt(pool.preset, now) : 0
  return {
    actual: pool.running.length,
    expired: pool.running.length - lasting.length,
    desired,
    eligible: isActive ? lasting.filter(({ isReady }) => isReady).length : 0,
    extraneous: isActive ? Math.max(lasting.length - desired, 0) : 0,
    ...pool.inProgress,
  }
}
