// Instants and durations at the edge: what is read, and what lies outside the bounds.
import { describe, expect, test } from "vitest"
import {
  durationMsMax,
  durationMsSchema,
  instantSchema,
  optionalInstantSchema,
  parseDurationMs,
  parseTime,
} from "../../../../src/platform/http/instants.ts"

describe("an instant", () => {
  test.each([
    ["2024-01-01T12:00:00Z", "2024-01-01T12:00:00.000Z"],
    ["2024-01-01T12:00:00.123456789+02:00", "2024-01-01T10:00:00.123Z"],
    ["2000-01-01T00:00:00Z", "2000-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ])("reads %s", (text, iso) => {
    expect(parseTime(text)?.toISOString()).toBe(iso)
  })

  test.each([
    "",
    "1",
    "2024-01-01",
    "2024-01-01T12:00:00",
    "2024-02-30T12:00:00Z",
    "1999-12-31T23:59:59Z",
    "2000-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-00:01",
    "9999-12-31T23:59:59-23:59",
    "+010000-01-01T00:00:00Z",
    "-000001-01-01T00:00:00Z",
  ])("rejects %j", (text) => {
    expect(parseTime(text)).toBeNull()
    expect(instantSchema.safeParse(text).error?.issues[0]?.message).toBe(
      "must be an RFC 3339 time between the years 2000 and 9999",
    )
  })

  test.each([undefined, null, "", "0001-01-01T00:00:00Z"])("may be absent: %j", (value) => {
    expect(optionalInstantSchema.parse(value)).toBeNull()
  })
})

describe("a duration", () => {
  test("is at most 3650 days in milliseconds", () => {
    expect(durationMsSchema.parse(durationMsMax)).toBe(315_360_000_000)
    expect(durationMsSchema.safeParse(durationMsMax + 1).error?.issues[0]?.message).toBe(
      "Must be at most 3650 days.",
    )
  })

  test.each([
    ["1h30m", 5_400_000],
    ["87600h", durationMsMax],
    ["1.5s", 1_500],
    ["100us", 0.1],
  ])("reads %s", (text, ms) => {
    expect(parseDurationMs(text)).toBeCloseTo(ms, 6)
  })

  test.each(["", "1", "h", "-1h", "87600h1ms", "99999999999h", "9".repeat(400) + "h"])(
    "rejects %s",
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined()
    },
  )
})
