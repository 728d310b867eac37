// What the cases ask of schedules beyond what the product computes.
import { parseQuietHours, type QuietHoursSettings } from "../../../src/schedule/quiet-hours.ts"
import type { Schedule } from "../../../src/schedule/cron.ts"
import {
  dayMs,
  hourMs,
  minuteMs,
  startOfDate,
  type WallMs,
  weekdayOf,
} from "../../../src/schedule/wall-time.ts"
import { everyDay } from "../../../src/schedule/weekdays.ts"

const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

/** `daily`, or the day-of-week field with the first occurrence of each digit as a day's name. */
export function daysText(schedule: Schedule): string {
  const field = schedule.cron.split(" ")[4] ?? ""
  if (field === "*") return "daily"
  return dayNames.reduce((text, name, digit) => text.replace(String(digit), name), field)
}

/** The shortest time between two occurrences in an ordinary week, in milliseconds. */
export function minIntervalMs(schedule: Schedule): number {
  const times = schedule.daysOfWeek
    .flatMap((day) =>
      schedule.hours.flatMap((hour) =>
        schedule.minutes.map((minute) => day * dayMs + hour * hourMs + minute * minuteMs),
      ),
    )
    .sort((a, b) => a - b)
  const first = times[0] ?? 0
  return times.reduce((shortest, time, index) => {
    const next = times[index + 1] ?? first + 7 * dayMs
    return Math.min(shortest, next - time)
  }, 7 * dayMs)
}

/** The days that are not in the bitmap: blocked days from allowed ones, and back. */
export function otherDays(bitmap: number): number {
  return ~bitmap & everyDay
}

/** Midnight of the Monday that begins the wall time's week. */
export function mondayOf(wallMs: WallMs): WallMs {
  return startOfDate(wallMs) - weekdayOf(wallMs) * dayMs
}

/** The problem with a deployment's settings; null if they are sound. */
export function findQuietHoursSettingsError(settings: QuietHoursSettings): string | null {
  if (settings.defaultText === "") return "default schedule must be set"
  const parsed = parseQuietHours(settings.defaultText)
  return parsed.ok ? null : parsed.error
}
