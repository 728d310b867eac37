// The plan for one pool: the pure half of the reconcile.
import {
  isExpired,
  isPoolActive,
  type Pool,
  type PoolFailures,
  type Remnant,
  type RunningPrebuild,
} from "./pool.ts"
import { poolState } from "./state.ts"

export type PoolAction =
  | { type: "backoff"; until: Date }
  | { type: "cancel_pending" }
  | { type: "delete"; ids: string[] }
  | { type: "create"; count: number }

/** How long one failure keeps a pool from building; n failures keep it n times as long. */
export const backoffPerFailureMs = 60_000

/** The backoff ignores failures older than this. */
export const backoffLookbackMs = 3_600_000

/**
 * If this many newest builds of a preset have all failed, its pool stops until one of them is
 * deleted; 0 = never.
 */
export const failureHardLimit = 3

/**
 * Returns the actions in order. A backoff suppresses everything else, deletes too. Stopping and
 * deleting builds change nothing. Starting builds only lower the creation; they never count as
 * extraneous.
 */
export function planPool(
  pool: Pool,
  now: Date,
  backoffIntervalMs = backoffPerFailureMs,
): PoolAction[] {
  const until = backoffUntil(pool.failures, backoffIntervalMs)
  if (until !== null && now <= until) return [{ type: "backoff", until }]
  return isPoolActive(pool.preset) ? planActive(pool, now) : planInactive(pool, now)
}

/** The last instant of the backoff, null if nothing failed lately. */
function backoffUntil(failures: PoolFailures | null, intervalMs: number): Date | null {
  if (failures === null || failures.failedCount === 0) return null
  return new Date(failures.lastBuildAt.getTime() + failures.failedCount * intervalMs)
}

function planInactive(pool: Pool, now: Date): PoolAction[] {
  const actions: PoolAction[] = []
  if (pool.pendingCount > 0) actions.push({ type: "cancel_pending" })
  if (pool.running.length > 0) actions.push({ type: "delete", ids: oldestFirst(pool.running) })
  return [...actions, ...removeRemnants(pool, now)]
}

/**
 * Deletes what can neither be claimed nor run again. A prebuild waits a minute per build that it
 * has had, so that a delete that keeps failing is tried ever less often.
 *
 * The newest failed starts of an active pool stay while the backoff or the hard limit counts them:
 * without them a broken preset would be built again each minute.
 */
function removeRemnants(pool: Pool, now: Date): PoolAction[] {
  const counted = isPoolActive(pool.preset) ? countedFailures(pool, now) : []
  const due = pool.remnants.filter(
    (remnant) =>
      !counted.includes(remnant) &&
      now.getTime() >= remnant.builtAt.getTime() + remnant.buildNumber * backoffPerFailureMs,
  )
  if (due.length === 0) return []
  return [
    {
      type: "delete",
      ids: oldestFirst(due.map(({ id, builtAt }) => ({ id, createdAt: builtAt }))),
    },
  ]
}

function countedFailures({ remnants, isHardLimited }: Pool, now: Date): Remnant[] {
  return remnants
    .filter(({ state, isStart }) => state === "failed" && isStart)
    .toSorted((a, b) => b.builtAt.getTime() - a.builtAt.getTime() || (a.id < b.id ? -1 : 1))
    .slice(0, failureHardLimit)
    .filter(
      ({ builtAt }) => isHardLimited || now.getTime() - builtAt.getTime() <= backoffLookbackMs,
    )
}

function planActive(pool: Pool, now: Date): PoolAction[] {
  const state = poolState(pool, now)
  const expired = pool.running.filter(({ createdAt }) => isExpired(pool.preset, createdAt, now))
  const lasting = pool.running.filter((prebuild) => !expired.includes(prebuild))
  const actions: PoolAction[] = []
  if (expired.length > 0) actions.push({ type: "delete", ids: oldestFirst(expired) })
  if (state.extraneous > 0) {
    actions.push({ type: "delete", ids: oldestFirst(lasting).slice(0, state.extraneous) })
  }
  actions.push(...removeRemnants(pool, now))
  const missing = state.desired - lasting.length - state.starting
  if (missing > 0) actions.push({ type: "create", count: missing })
  return actions
}

/** Returns ids by age, then by id, so that two reconciles of one state choose the same ones. */
function oldestFirst(prebuilds: readonly Pick<RunningPrebuild, "id" | "createdAt">[]): string[] {
  return prebuilds
    .toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    .map(({ id }) => id)
}
