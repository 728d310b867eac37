// The next occurrence of a schedule.
//
// The daylight-saving law: a wall time in a gap fires at the first valid instant after the gap. A
// wall time that the clock shows twice fires once, at its first occurrence.
//
// croner 11 does not follow this law. It agrees for one time a day. For a list of times in a gap
// (`15,45 2 * * *`) it skips the day, and it fires an hourly rule twice in an overlap. A test uses
// it as the oracle for single times.
import type { Schedule } from "./cron.ts"
import { dayMs, hourMs, instantOfWallTime, minuteMs, startOfDate, wallTimeAt } from "./wall-time.ts"

/**
 * Seven days, one for a clock that is put back, and one more. Every schedule that has a value fires
 * within them.
 */
const daysMax = 9

/**
 * The first occurrence strictly after the instant.
 *
 * A wall time up to the one shown at `after` has its instant at or before `after`, because the
 * law is monotonic. So the search begins there. It skips wall times that the clock already showed
 * before it was put back.
 */
export function nextOccurrence(schedule: Schedule, after: Date): Date {
  const afterMs = after.getTime()
  const shownMs = wallTimeAt(afterMs, schedule.zone)
  const firstDate = startOfDate(shownMs)
  for (let day = 0; day < daysMax; day++) {
    const date = firstDate + day * dayMs
    if (!schedule.daysOfWeek.includes(new Date(date).getUTCDay())) continue
    for (const hour of schedule.hours) {
      if (date + (hour + 1) * hourMs <= shownMs) continue
      for (const minute of schedule.minutes) {
        const wallMs = date + hour * hourMs + minute * minuteMs
        if (wallMs <= shownMs) continue
        const instantMs = instantOfWallTime(wallMs, schedule.zone)
        if (instantMs > afterMs) return new Date(instantMs)
      }
    }
  }
  throw new Error(`schedule without an occurrence in ${daysMax} days: ${schedule.text}`)
}
