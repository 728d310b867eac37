// How many prebuilds a preset wants at an instant.
//
// That is what the first schedule that covers the instant says, or else its base.
import { isWithinWindow, isZone, parseCronWindow } from "../schedule/cron-window.ts"
import { findScheduleConflict } from "../schedule/schedule-overlap.ts"

export type PoolSchedule = { cron: string; instances: number }

export type PoolDesire = {
  /** The base, used if no schedule applies. */
  desiredInstances: number
  /** An IANA zone; the empty text switches all schedules off. */
  timezone: string
  /** In stored order: the first that covers the instant wins. */
  schedules: readonly PoolSchedule[]
}

/**
 * The base counts if the zone is unknown, or if any two schedules overlap or cannot be compared. A
 * schedule that does not parse is skipped.
 */
export function desiredInstancesAt(
  { desiredInstances, timezone, schedules }: PoolDesire,
  at: Date,
): number {
  if (schedules.length === 0 || !isZone(timezone)) return desiredInstances
  if (findScheduleConflict(schedules.map(({ cron }) => cron)) !== null) return desiredInstances
  const current = schedules.find(({ cron }) => {
    const window = parseCronWindow(cron)
    return window !== null && isWithinWindow(window, at, timezone)
  })
  return current?.instances ?? desiredInstances
}
