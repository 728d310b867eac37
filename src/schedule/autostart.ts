// The next start of a workspace by its schedule, on the days that its template allows.
import { parseWeeklySchedule, type Schedule } from "./cron.ts"
import { nextOccurrence } from "./next-occurrence.ts"
import { dayMs, instantOfWallTime, startOfDate, wallTimeAt, weekdayOf } from "./wall-time.ts"
import { hasDay } from "./weekdays.ts"

/**
 * One step of the schedule. `isAllowed`: the template allows its weekday, which is that of the
 * schedule's zone.
 */
export type Autostart = { at: Date; isAllowed: boolean }

/** The next occurrence after the instant, on any day. Null if the text is not a schedule. */
export function nextAutostart(
  scheduleText: string,
  after: Date,
  allowedDays: number,
): Autostart | null {
  const parsed = parseWeeklySchedule(scheduleText)
  if (!parsed.ok) return null
  const at = nextOccurrence(parsed.schedule, after)
  return { at, isAllowed: isOnAllowedDay(at, parsed.schedule, allowedDays) }
}

/** Seven days, the day on which the search begins, and one more for a clock that is put back. */
const stepsMax = 9

/**
 * The next occurrence on an allowed day, strictly after the instant. Null if no day fits or the
 * text is not a schedule.
 *
 * A blocked occurrence blocks the rest of its day, so the search continues at the next midnight.
 * A schedule that fires each minute therefore costs one step a day.
 */
export function nextAllowedAutostart(
  scheduleText: string,
  after: Date,
  allowedDays: number,
): Date | null {
  const parsed = parseWeeklySchedule(scheduleText)
  if (!parsed.ok) return null
  const { schedule } = parsed
  let from = after
  for (let step = 0; step < stepsMax; step++) {
    const at = nextOccurrence(schedule, from)
    if (isOnAllowedDay(at, schedule, allowedDays)) return at
    const nextMidnight = startOfDate(wallTimeAt(at.getTime(), schedule.zone)) + dayMs
    from = new Date(Math.max(at.getTime(), instantOfWallTime(nextMidnight, schedule.zone) - 1))
  }
  return null
}

function isOnAllowedDay(at: Date, schedule: Schedule, allowedDays: number): boolean {
  return hasDay(allowedDays, weekdayOf(wallTimeAt(at.getTime(), schedule.zone)))
}
