/** When a workspace starts by its schedule, on the days that its template allows. */
import { parseWeeklySchedule, type Schedule } from "./cron.ts"
import { nextOccurrence } from "./next-occurrence.ts"
import { DAY_MS, instantOfWallTime, startOfDate, wallTimeAt, weekdayOf } from "./wall-time.ts"
import { hasDay } from "./weekdays.ts"

/** One step of the schedule. `isAllowed`: its weekday, in the schedule's zone, is among the template's allowed days. */
export type Autostart = { at: Date; isAllowed: boolean }

/** The next occurrence after the instant, on whatever day; null for a text that is no schedule. */
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

/** A week of days, the one that it began in, and one more for a clock that was turned back. */
const STEPS_MAX = 9

/**
 * The next occurrence on an allowed day, strictly after the instant; null when there is none or the text is no schedule.
 *
 * A blocked occurrence blocks the rest of its day, so the search goes on at the next midnight: a text that fires each
 * minute costs a step a day.
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
  for (let step = 0; step < STEPS_MAX; step++) {
    const at = nextOccurrence(schedule, from)
    if (isOnAllowedDay(at, schedule, allowedDays)) return at
    const nextMidnight = startOfDate(wallTimeAt(at.getTime(), schedule.zone)) + DAY_MS
    from = new Date(Math.max(at.getTime(), instantOfWallTime(nextMidnight, schedule.zone) - 1))
  }
  return null
}

function isOnAllowedDay(at: Date, schedule: Schedule, allowedDays: number): boolean {
  return hasDay(allowedDays, weekdayOf(wallTimeAt(at.getTime(), schedule.zone)))
}
