/**
 * When a schedule fires next.
 *
 * The daylight-saving law: a wall time in a gap fires at the first valid instant after it; a doubled one fires once, at
 * its first occurrence. A cron library was tried for this (croner 11): it agrees for one time a day, but for a list of
 * times in a gap (`15,45 2 * * *`) it skips the day, and it fires an hourly rule twice in an overlap; it remains the
 * oracle of a test.
 */
import type { Schedule } from "./cron.ts"
import {
  DAY_MS,
  HOUR_MS,
  instantOfWallTime,
  MINUTE_MS,
  startOfDate,
  wallTimeAt,
} from "./wall-time.ts"

/** A week, a day in which the clock may be turned back, and one more. A schedule that has a value fires within it. */
const DAYS_MAX = 9

/**
 * The first occurrence strictly after the instant.
 *
 * Wall times up to the one shown at `after` have their instant at or before it (the law never goes backwards), so the
 * search begins there; those that were already shown before the clock was turned back are passed over.
 */
export function nextOccurrence(schedule: Schedule, after: Date): Date {
  const afterMs = after.getTime()
  const shownMs = wallTimeAt(afterMs, schedule.zone)
  const firstDate = startOfDate(shownMs)
  for (let day = 0; day < DAYS_MAX; day++) {
    const date = firstDate + day * DAY_MS
    if (!schedule.daysOfWeek.includes(new Date(date).getUTCDay())) continue
    for (const hour of schedule.hours) {
      if (date + (hour + 1) * HOUR_MS <= shownMs) continue
      for (const minute of schedule.minutes) {
        const wallMs = date + hour * HOUR_MS + minute * MINUTE_MS
        if (wallMs <= shownMs) continue
        const instantMs = instantOfWallTime(wallMs, schedule.zone)
        if (instantMs > afterMs) return new Date(instantMs)
      }
    }
  }
  throw new Error(`schedule without an occurrence in ${DAYS_MAX} days: ${schedule.text}`)
}

/** Whether the instant's minute is one of the schedule's. */
export function isWithinRange(schedule: Schedule, at: Date): boolean {
  const minuteMs = Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS
  return nextOccurrence(schedule, new Date(minuteMs - 1000)).getTime() === minuteMs
}
