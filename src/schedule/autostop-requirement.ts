// The autostop requirement: on given weekdays, every N weeks, a running workspace is stopped once.
//
// The stop is at its owner's quiet time.
import type { QuietHours } from "./quiet-hours.ts"
import {
  dayMs,
  hourMs,
  instantOfWallTime,
  startOfDate,
  type WallMs,
  wallTimeAt,
  weekdayOf,
} from "./wall-time.ts"
import { everyDay, hasDay } from "./weekdays.ts"

/** Monday, 2 January 2023. Weeks count from it, on the wall clock of the quiet hours' zone. */
const epochWallMs: WallMs = Date.UTC(2023, 0, 2)

/** A workspace that started less than this before a quiet time runs until the next one. */
const leewayMs = 2 * hourMs

/**
 * The number of the wall time's week (Monday to Sunday), counted from the epoch. Negative before
 * it.
 */
export function weeksSinceEpoch(wallMs: WallMs): number {
  return Math.floor((startOfDate(wallMs) - epochWallMs) / (7 * dayMs))
}

export type RequiredStop = { ok: true; at: Date } | { ok: false; error: string }

const clockError =
  "determine start of stop week: get current week number: coder server system clock is incorrect, cannot calculate template autostop requirement"
const dayError = "could not find suitable day for template autostop requirement in the next 7 days"

/**
 * When the requirement stops a workspace whose build completed at `completedAt`.
 *
 * The stop is the quiet time of the first local date that meets four conditions:
 * - The date is not before that of `completedAt` + 2 h.
 * - Its weekday is required.
 * - The number of its week is divisible by `weeks`.
 * - Its quiet time is not before `completedAt` + 2 h.
 *
 * Dates are stepped as dates, so a day without a midnight counts.
 */
export function requiredStopAfter(
  completedAt: Date,
  requirement: { days: number; weeks: number },
  quietHours: QuietHours,
): RequiredStop {
  const weeks = Math.max(1, requirement.weeks)
  const earliestMs = completedAt.getTime() + leewayMs
  const firstDate = startOfDate(wallTimeAt(earliestMs, quietHours.zone))
  if (weeks > 1 && firstDate < epochWallMs) return { ok: false, error: clockError }
  // If the first date misses its quiet time, a whole cycle of weeks passes. A gap in the clock may
  // delay the stop by one more day.
  const datesMax = 7 * weeks + 8
  for (let step = 0; step < datesMax; step++) {
    const date = firstDate + step * dayMs
    if (!hasDay(requirement.days & everyDay, weekdayOf(date))) continue
    if (weeks > 1 && weeksSinceEpoch(date) % weeks !== 0) continue
    const atMs = instantOfWallTime(date + quietHours.timeOfDayMs, quietHours.zone)
    if (atMs >= earliestMs) return { ok: true, at: new Date(atMs) }
  }
  return { ok: false, error: dayError }
}
