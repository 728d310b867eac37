// Quiet hours: which texts are one time a day, and which text is in force.
import { describe, expect, test } from "vitest"
import {
  nextQuietTime,
  parseQuietHours,
  quietHoursOf,
  quietHoursToStore,
  quietTimeText,
} from "../../../src/schedule/quiet-hours.ts"
import { groups, rowsOf } from "./cases.ts"
import { findQuietHoursSettingsError } from "./model.ts"

const parseRows = rowsOf<{ raw_schedule: string; at: string }, Record<string, unknown>>(
  "quiet_hours_parse",
)

test.each(parseRows)("$id $name", ({ input, expected }) => {
  const parsed = parseQuietHours(input.raw_schedule)
  if (!parsed.ok) {
    expect({ accepted: false, error: parsed.error }).toEqual(expected)
    return
  }
  const { quietHours } = parsed
  expect({
    accepted: true,
    stored: quietHours.text,
    time: quietTimeText(quietHours),
    timezone: quietHours.zone,
    next: nextQuietTime(quietHours, new Date(input.at)).toISOString().replace(".000Z", "Z"),
  }).toEqual(expected)
})

describe("the store", () => {
  const settings = { defaultText: "CRON_TZ=UTC 15 10 * * *", userCanSet: true }
  const row = (id: string) => {
    const found = groups.quiet_hours_store.find((candidate) => candidate.id === id)
    if (found === undefined) throw new Error(`no case ${id}`)
    const { name, input, expected } = found
    return {
      name,
      input: { raw: "", user_value: "", ...input },
      expected: { error_contains: "", error: "", ...expected },
    }
  }

  test(row("L0124").name, () => {
    const { input, expected } = row("L0124")
    const got = quietHoursOf(input.user_value, settings)
    expect(got.ok && { schedule: got.quietHours.text, user_set: got.isUserSet }).toEqual({
      schedule: expected.schedule,
      user_set: expected.user_set,
    })
  })

  test.each(["L0126", "L0127"])("%s", (id) => {
    const { input, expected } = row(id)
    const stored = quietHoursToStore(input.raw)
    if (!stored.ok) throw new Error(stored.error)
    expect(stored.text).toBe(expected.written)
    const got = quietHoursOf(stored.text, settings)
    expect(got.ok && got.isUserSet).toBe(expected.user_set)
  })

  test.each(["L0128", "L0129"])("%s", (id) => {
    const { input, expected } = row(id)
    const error = findQuietHoursSettingsError({
      defaultText: input.default_schedule,
      userCanSet: true,
    })
    expect(error).toContain(expected.error_contains || expected.error)
  })

  test("a text that is not one time a day is rejected when read and when set", () => {
    expect(quietHoursOf(row("L0130").input.user_value, settings)).toMatchObject({ ok: false })
    expect(quietHoursToStore(row("L0131").input.raw)).toMatchObject({
      error: expect.stringContaining(row("L0131").expected.error_contains),
    })
  })

  test(row("L0132").name, () => {
    const { input, expected } = row("L0132")
    const got = quietHoursOf(input.user_value, { ...settings, userCanSet: false })
    expect(got.ok && { schedule: got.quietHours.text, user_set: got.isUserSet }).toEqual({
      schedule: expected.schedule,
      user_set: false,
    })
  })
})
