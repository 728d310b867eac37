/** How a schedule is shown to people: its time of day, its days, its shortest interval. */
import type { Schedule } from "./cron.ts"
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./wall-time.ts"

const DAY_NAMES = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

/** `9:30AM` for one time a day, otherwise `cron(<minute> <hour>)`. */
export function timeText(schedule: Schedule): string {
  const [minute = "", hour = ""] = schedule.cron.split(" ")
  if (!/^[0-9]+$/.test(minute) || !/^[0-9]+$/.test(hour)) return `cron(${minute} ${hour})`
  const half = Number(hour) < 12 ? "AM" : "PM"
  return `${Number(hour) % 12 || 12}:${String(Number(minute)).padStart(2, "0")}${half}`
}

/** `daily`, or the day-of-week field with the first occurrence of each digit replaced by its day. */
export function daysText(schedule: Schedule): string {
  const field = schedule.cron.split(" ")[4] ?? ""
  if (field === "*") return "daily"
  return DAY_NAMES.reduce((text, name, digit) => text.replace(String(digit), name), field)
}

/** The shortest time between two occurrences on an ordinary week, in milliseconds. */
export function minIntervalMs(schedule: Schedule): number {
  const times = schedule.daysOfWeek
    .flatMap((day) =>
      schedule.hours.flatMap((hour) =>
        schedule.minutes.map((minute) => day * DAY_MS + hour * HOUR_MS + minute * MINUTE_MS),
      ),
    )
    .sort((a, b) => a - b)
  const first = times[0] ?? 0
  return times.reduce((shortest, time, index) => {
    const next = times[index + 1] ?? first + 7 * DAY_MS
    return Math.min(shortest, next - time)
  }, 7 * DAY_MS)
}
