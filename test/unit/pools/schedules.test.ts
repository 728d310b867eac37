// Pool schedules: desired counts by window and zone, overlaps, and cron read as a range.
import { expect, test } from "vitest"
import { isWithinWindow, parseCronWindow } from "../../../src/schedule/cron-window.ts"
import { desiredInstancesAt } from "../../../src/pools/desired-instances.ts"
import { compareSchedules, findScheduleConflict } from "../../../src/schedule/schedule-overlap.ts"
import { lifecycle } from "../../cases/read.ts"
import { groups } from "./pool-of-case.ts"

test.each(groups.desiredInstanceSchedules)("desired: $name", (row) => {
  expect(desiredInstancesAt(row, new Date(row.at))).toBe(row.expected)
})

test.each(groups.scheduleOverlap)("overlap: $name", (row) => {
  const result = compareSchedules(row.a, row.b)
  if (row.errorContains !== undefined)
    expect(result).toEqual({ error: expect.stringContaining(row.errorContains) })
  else expect(result).toEqual({ overlap: row.overlap })
  expect("error" in compareSchedules(row.b, row.a)).toBe("error" in result)
})

test.each(groups.scheduleListValidation)("list: $schedules", (row) => {
  const conflict = findScheduleConflict(row.schedules)
  expect(conflict === null).toBe(row.valid)
  if (row.pair !== undefined) expect(conflict?.pair).toEqual(row.pair)
})

test.each(lifecycle.groups.cron_within_range)(
  "window $input.spec: $name",
  ({ input, expected }) => {
    const window = parseCronWindow(input.spec)
    expect(window !== null && isWithinWindow(window, new Date(input.at), "UTC")).toBe(
      expected.within_range,
    )
  },
)

test.each([
  ["* 9-18 * * 7"],
  ["0 9-18 * * 1"],
  ["* 24 * * *"],
  ["* 9-8 * * *"],
  ["* * 0 * *"],
  ["* * * 13 *"],
  ["* */0 * * *"],
  ["* 9 * *"],
  ["* 9 * * 1 1"],
  ["@daily"],
  ["* 9, * * *"],
  ["* *-5 * * *"],
  ["* 9 * MON *"],
])("%s is no window", (cron) => {
  expect(parseCronWindow(cron)).toBeNull()
})

const monday10 = new Date("2025-06-02T10:00:00Z")

test.each([
  ["* 10 */1 * 1", "a step of one does not restrict, so both day fields must match", true],
  ["* 10 */1 * 2", "a step of one does not restrict, so both day fields must match", false],
  ["* 10 */2 * 1", "a step of two restricts, so either day field is enough", true],
  ["* 10 ? JUN mon,tue", "names and the question mark", true],
  ["* 4/2 * * *", "a value with a step runs to the end", true],
  ["* 4/4 * * *", "a value with a step counts from the value", false],
])("%s: %s", (cron, _rule, expected) => {
  const window = parseCronWindow(cron)
  expect(window !== null && isWithinWindow(window, monday10, "UTC")).toBe(expected)
})

test("a cron window matches a repeated hour twice and a skipped hour never", () => {
  const window = parseCronWindow("* 1-2 * * *")!
  const isIn = (at: string) => isWithinWindow(window, new Date(at), "America/New_York")
  expect([
    isIn("2025-11-02T05:59:00Z"),
    isIn("2025-11-02T06:59:00Z"),
    isIn("2025-11-02T07:59:00Z"),
  ]).toEqual([true, true, true])
  expect(isIn("2025-11-02T08:00:00Z")).toBe(false)
  expect([isIn("2025-03-09T06:59:00Z"), isIn("2025-03-09T07:00:00Z")]).toEqual([true, false])
})
