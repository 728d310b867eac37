// One preset's pool as the snapshot reads it.
//
// That is its configuration, running prebuilds, builds in progress and recent failures.
import type { PoolDesire } from "./desired-instances.ts"

export type PoolPreset = PoolDesire & {
  usingActiveVersion: boolean
  isTemplateDeleted: boolean
  isTemplateDeprecated: boolean
  /** Age after which a prebuild is replaced; null or 0 = never. */
  ttlMs: number | null
  lastInvalidatedAt: Date | null
}

/**
 * A prebuild whose latest build is a succeeded start. `isReady`: it has an agent, and every agent
 * without a parent is ready.
 */
export type RunningPrebuild = { id: string; createdAt: Date; isReady: boolean }

/**
 * A prebuild that can neither be claimed nor run again: its latest build is a succeeded stop, or
 * failed or was canceled. `builtAt` is when that build was requested.
 */
export type Remnant = {
  id: string
  state: "stopped" | "failed" | "canceled"
  isStart: boolean
  buildNumber: number
  builtAt: Date
}

/**
 * Pending or running builds (not canceling) that the prebuilds user requested for the preset, by
 * transition.
 */
export type InProgress = { starting: number; stopping: number; deleting: number }

/**
 * Failed builds within the lookback; `lastBuildAt` is the newest failure among the newest
 * `desiredInstances` builds.
 */
export type PoolFailures = { failedCount: number; lastBuildAt: Date }

export type Pool = {
  preset: PoolPreset
  running: readonly RunningPrebuild[]
  remnants: readonly Remnant[]
  inProgress: InProgress
  /** First builds of an inactive version that no daemon has taken yet. */
  pendingCount: number
  failures: PoolFailures | null
  /** The newest builds of the preset have all failed, as many as the hard limit says. */
  isHardLimited: boolean
}

/** True if the pool is maintained: the template is in use, and the version is its active one. */
export function isPoolActive(preset: PoolPreset): boolean {
  return preset.usingActiveVersion && !preset.isTemplateDeleted && !preset.isTemplateDeprecated
}

/**
 * True if a prebuild must be replaced: created before the last invalidation, or older than the ttl.
 * Both bounds are strict.
 */
export function isExpired(preset: PoolPreset, createdAt: Date, now: Date): boolean {
  if (preset.lastInvalidatedAt !== null && createdAt < preset.lastInvalidatedAt) return true
  return (
    preset.ttlMs !== null && preset.ttlMs > 0 && now.getTime() - createdAt.getTime() > preset.ttlMs
  )
}
