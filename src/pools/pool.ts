// One preset's pool as the snapshot reads it: configuration, running prebuilds, builds under way, recent failures.
import type { PoolDesire } from "./desired-instances.ts"

export type PoolPreset = PoolDesire & {
  usingActiveVersion: boolean
  isTemplateDeleted: boolean
  isTemplateDeprecated: boolean
  /** Age after which a prebuild is replaced; null or 0 = never. */
  ttlMs: number | null
  lastInvalidatedAt: Date | null
}

/** A prebuild whose latest build is a succeeded start. `isReady` = every agent without a parent is ready, and one exists. */
export type RunningPrebuild = { id: string; createdAt: Date; isReady: boolean }

/** Builds of the preset asked for by the prebuilds user that are pending or running (not canceling), by transition. */
export type InProgress = { starting: number; stopping: number; deleting: number }

/** Failed builds within the lookback; `lastBuildAt` is the newest failed one among the newest `desiredInstances`. */
export type PoolFailures = { failedCount: number; lastBuildAt: Date }

export type Pool = {
  preset: PoolPreset
  running: readonly RunningPrebuild[]
  inProgress: InProgress
  /** First builds of an inactive version that no daemon has taken yet. */
  pendingCount: number
  failures: PoolFailures | null
}

/** True when the preset's pool is kept up: the template's active version, and a template in use. */
export function isPoolActive(preset: PoolPreset): boolean {
  return preset.usingActiveVersion && !preset.isTemplateDeleted && !preset.isTemplateDeprecated
}

/** True when a prebuild is to be replaced: made before the last invalidation, or older than the ttl. Both strict. */
export function isExpired(preset: PoolPreset, createdAt: Date, now: Date): boolean {
  if (preset.lastInvalidatedAt !== null && createdAt < preset.lastInvalidatedAt) return true
  return (
    preset.ttlMs !== null && preset.ttlMs > 0 && now.getTime() - createdAt.getTime() > preset.ttlMs
  )
}
