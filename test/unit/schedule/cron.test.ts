// Cron texts: what is accepted, the text of each refusal, and the fields of what is accepted.
import { describe, expect, test } from "vitest"
import {
  parseDailySchedule,
  parseWeeklySchedule,
  type Schedule,
} from "../../../src/schedule/cron.ts"
import { isWithinWindow, parseCronWindow } from "../../../src/schedule/cron-window.ts"
import { nextOccurrence } from "../../../src/schedule/next-occurrence.ts"
import { timeText } from "../../../src/schedule/quiet-hours.ts"
import { groups, rowsOf } from "./cases.ts"
import { daysText, minIntervalMs } from "./model.ts"

function weekly(text: string): Schedule {
  const parsed = parseWeeklySchedule(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.schedule
}

const weeklyRows = rowsOf<{ spec: string; at?: string }, Record<string, string | number>>(
  "cron_weekly",
)

test.each(weeklyRows)("$id $name", ({ input, expected }) => {
  const parsed = parseWeeklySchedule(input.spec)
  if (!parsed.ok) {
    expect({ error: parsed.error, error_match: "exact" }).toEqual(expected)
    return
  }
  const { schedule } = parsed
  expect({
    next: wire(nextOccurrence(schedule, new Date(input.at ?? ""))),
    min_interval_seconds: minIntervalMs(schedule) / 1000,
    days_of_week: daysText(schedule),
    cron: schedule.cron,
    location: schedule.zone,
    string: schedule.text,
    time: timeText(schedule),
  }).toEqual(expected)
})

test.each(groups.cron_next)("$id $name", ({ input, expected }) => {
  expect(wire(nextOccurrence(weekly(input.spec), new Date(input.at)))).toBe(expected.next)
})

test.each(groups.dst_law)("$id at a switch of the clock", ({ input, expected }) => {
  expect(wire(nextOccurrence(weekly(input.spec), new Date(input.at)))).toBe(expected.next)
})

test.each(groups.cron_within_range)("$id $name", ({ input, expected }) => {
  const window = parseCronWindow(input.spec)
  if (window === null) throw new Error(`no window: ${input.spec}`)
  expect(isWithinWindow(window, new Date(input.at), "UTC")).toBe(expected.within_range)
})

describe("refusals that the cases do not list", () => {
  test.each([
    [
      "-1 9 * * 1",
      `parse schedule: failed to parse int from : strconv.Atoi: parsing "": invalid syntax`,
    ],
    ["*/0 9 * * 1", "parse schedule: step of range should be a positive number: */0"],
    ["0 9 * * 7", "parse schedule: end of range (7) above maximum (6): 7"],
    ["0 9 * * ,", "parse schedule: field has no value: ,"],
    ["CRON_TZ=utc 0 9 * * 1", "parse schedule: provided bad location utc: unknown time zone utc"],
    [
      "CRON_TZ=../x 0 9 * * 1",
      "parse schedule: provided bad location ../x: time: invalid location name",
    ],
    [
      "CRON_TZ=/x 0 9 * * 1",
      "parse schedule: provided bad location /x: time: invalid location name",
    ],
    ["0 9 * */1 1", "validate weekly schedule: expected day-of-month and month to be *"],
  ])("%s", (text, error) => {
    expect(parseWeeklySchedule(text)).toEqual({ ok: false, error })
  })

  test("a daily schedule rejects a restricted day of the week", () => {
    expect(parseDailySchedule("0 0 * * 1")).toEqual({
      ok: false,
      error: "validate daily schedule: expected day-of-month, month and day-of-week to be *",
    })
  })

  test("a window rejects a restricted minute", () => {
    expect(parseCronWindow("0 9-18 * * 1-5")).toBeNull()
  })

  test("a field accepts a sign before a number", () => {
    expect(weekly("+5 9 * * 1").minutes).toEqual([5])
  })
})

function wire(at: Date): string {
  return at.toISOString().replace(".000Z", "Z")
}
