// Sets of weekdays, weeks since the epoch, and required stops.
import { expect, test } from "vitest"
import { requiredStopAfter, weeksSinceEpoch } from "../../../src/schedule/autostop-requirement.ts"
import { dayMs, instantOfWallTime, wallTimeAt } from "../../../src/schedule/wall-time.ts"
import { bitmapOfDays, namesOfDays } from "../../../src/schedule/weekdays.ts"
import { groups, quietHoursOfCase } from "./cases.ts"
import { mondayOf, otherDays } from "./model.ts"

test.each(groups.weekday_bitmap)("$id $name", ({ input, expected }) => {
  expect(namesOfDays(input.bitmap)).toEqual(expected.days)
  expect(otherDays(input.bitmap)).toBe(expected.stored_autostart_block_bitmap)
  expect(bitmapOfDays(expected.days.map((day) => day.toUpperCase()))).toEqual({
    ok: true,
    bitmap: input.bitmap,
  })
})

test("bitmapOfDays names the first unknown day", () => {
  expect(bitmapOfDays(["monday", "Caturday"])).toEqual({
    ok: false,
    error: `invalid weekday "Caturday"`,
  })
})

test.each(groups.weeks_since_epoch)("$id $name", ({ input, expected }) => {
  const wallMs = wallTimeAt(new Date(input.at).getTime(), input.timezone)
  const monday = mondayOf(wallMs)
  const week = weeksSinceEpoch(wallMs)
  expect(week).toBe(expected.week)
  expect(iso(instantOfWallTime(monday, input.timezone))).toBe(expected.monday)
  const weeksAhead = (input.n - (week % input.n)) % input.n
  const applicable = weeksAhead === 0 ? wallMs : monday + weeksAhead * 7 * dayMs
  expect(iso(instantOfWallTime(applicable, input.timezone))).toBe(
    expected.next_applicable_monday_for_n,
  )
})

test("a requirement every N weeks stops in an applicable week only", () => {
  const quietHours = quietHoursOfCase("CRON_TZ=UTC 0 12 * * *")!
  // Monday of even week 52 at noon is less than two hours away: the next applicable Monday is a
  // fortnight later.
  const stop = requiredStopAfter(
    new Date("2024-01-01T11:00:00Z"),
    { days: 1, weeks: 2 },
    quietHours,
  )
  expect(stop).toEqual({ ok: true, at: new Date("2024-01-15T12:00:00Z") })
})

test("a quiet time shortly before midnight stops on the required day", () => {
  const quietHours = quietHoursOfCase("CRON_TZ=UTC 50 23 * * *")!
  const stop = requiredStopAfter(
    new Date("2024-01-03T12:00:00Z"),
    { days: 32, weeks: 1 },
    quietHours,
  )
  expect(stop).toEqual({ ok: true, at: new Date("2024-01-06T23:50:00Z") })
})

test("a required stop handles a day without a midnight", () => {
  const quietHours = quietHoursOfCase("CRON_TZ=America/Santiago 0 0 * * *")!
  const stop = requiredStopAfter(
    new Date("2024-09-06T12:00:00Z"),
    { days: 1, weeks: 1 },
    quietHours,
  )
  expect(stop).toEqual({ ok: true, at: new Date("2024-09-09T03:00:00Z") })
})

function iso(instantMs: number): string {
  return new Date(instantMs).toISOString().replace(".000Z", "Z")
}
