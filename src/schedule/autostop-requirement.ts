/**
 * The autostop requirement: on some days of the week, every so many weeks, a running workspace is stopped once, at its
 * owner's quiet time.
 */
import type { QuietHours } from "./quiet-hours.ts"
import {
  DAY_MS,
  HOUR_MS,
  instantOfWallTime,
  startOfDate,
  type WallMs,
  wallTimeAt,
  weekdayOf,
} from "./wall-time.ts"
import { EVERY_DAY, hasDay } from "./weekdays.ts"

export const AUTOSTOP_REQUIREMENT_WEEKS_MAX = 16

/** Monday, 2 January 2023: weeks are counted from it, on the wall clock of the quiet hours' zone. */
const EPOCH_WALL_MS: WallMs = Date.UTC(2023, 0, 2)

/** A workspace that came up less than this before a quiet time is left until the next. */
const LEEWAY_MS = 2 * HOUR_MS

/** The problem with a requirement, null when there is none. `weeks` is 1 to 16. */
export function findAutostopRequirementError(days: number, weeks: number): string | null {
  if (days < 0) return "invalid autostop requirement days, less than 0"
  if (days > EVERY_DAY) return "invalid autostop requirement days, last bit is set"
  if (weeks < 1) return "invalid autostop requirement weeks, less than 1"
  if (weeks > AUTOSTOP_REQUIREMENT_WEEKS_MAX) {
    return `invalid autostop requirement weeks, greater than ${AUTOSTOP_REQUIREMENT_WEEKS_MAX}`
  }
  return null
}

/** The number of the week (Monday to Sunday) that the wall time lies in, counted from the epoch. Negative before it. */
export function weeksSinceEpoch(wallMs: WallMs): number {
  return Math.floor((startOfDate(wallMs) - EPOCH_WALL_MS) / (7 * DAY_MS))
}

/** Midnight of the Monday that begins the wall time's week. */
export function mondayOf(wallMs: WallMs): WallMs {
  return startOfDate(wallMs) - weekdayOf(wallMs) * DAY_MS
}

export type RequiredStop = { ok: true; at: Date } | { ok: false; error: string }

const CLOCK_ERROR =
  "determine start of stop week: get current week number: coder server system clock is incorrect, cannot calculate template autostop requirement"
const DAY_ERROR = "could not find suitable day for template autostop requirement in the next 7 days"

/**
 * When the requirement stops a workspace that came up at `completedAt`: the quiet time of the first local date that is
 * not before the date of `completedAt` + 2 h, is a required weekday, lies in a week whose number `weeks` divides, and
 * whose quiet time is not before `completedAt` + 2 h. Dates are stepped as dates, so a day without a midnight counts.
 */
export function requiredStopAfter(
  completedAt: Date,
  requirement: { days: number; weeks: number },
  quietHours: QuietHours,
): RequiredStop {
  const weeks = Math.max(1, requirement.weeks)
  const earliestMs = completedAt.getTime() + LEEWAY_MS
  const firstDate = startOfDate(wallTimeAt(earliestMs, quietHours.zone))
  if (weeks > 1 && firstDate < EPOCH_WALL_MS) return { ok: false, error: CLOCK_ERROR }
  // The first date may miss its quiet time, and then a whole cycle of weeks passes; a gap may delay it by one more day.
  const datesMax = 7 * weeks + 8
  for (let step = 0; step < datesMax; step++) {
    const date = firstDate + step * DAY_MS
    if (!hasDay(requirement.days & EVERY_DAY, weekdayOf(date))) continue
    if (weeks > 1 && weeksSinceEpoch(date) % weeks !== 0) continue
    const atMs = instantOfWallTime(date + quietHours.timeOfDayMs, quietHours.zone)
    if (atMs >= earliestMs) return { ok: true, at: new Date(atMs) }
  }
  return { ok: false, error: DAY_ERROR }
}
