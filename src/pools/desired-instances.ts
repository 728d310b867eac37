// How many prebuilds a preset wants at an instant: its base, or what the first schedule that covers the instant says.
import { isWithinWindow, isZone, parseCronWindow } from "../schedule/cron-window.ts"
import { findScheduleConflict } from "../schedule/schedule-overlap.ts"

export type PoolSchedule = { cron: string; instances: number }

export type PoolDesire = {
  /** The base, used where no schedule applies. */
  desiredInstances: number
  /** An IANA zone; the empty text switches all schedules off. */
  timezone: string
  /** In stored order: the first that covers the instant wins. */
  schedules: readonly PoolSchedule[]
}

/**
 * A zone that cannot be loaded, or any pair of schedules that overlaps or cannot be compared, makes the base count for
 * everything. A schedule that does not parse is passed over.
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
