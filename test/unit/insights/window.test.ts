// The window of an insights question: which ends are accepted, and how it is cut.
import { expect, test } from "vitest"
import { parseWindow, splitWindow } from "../../../src/insights/window.ts"

const now = new Date("2024-03-10T09:20:00Z")

test.each([
  ["whole days", "2024-03-01T00:00:00Z", "2024-03-08T00:00:00Z"],
  ["days of another zone", "2024-03-01T00:00:00+02:00", "2024-03-08T00:00:00+02:00"],
  ["a half-hour zone", "2024-03-01T00:00:00+05:30", "2024-03-08T00:00:00+05:30"],
  ["up to the current hour", "2024-03-01T00:00:00Z", "2024-03-10T09:00:00Z"],
  ["up to the next hour", "2024-03-01T00:00:00Z", "2024-03-10T10:00:00Z"],
  [
    "up to the next hour of a half-hour zone",
    "2024-03-01T00:00:00+05:45",
    "2024-03-10T16:00:00+05:45",
  ],
  ["a fraction of zero", "2024-03-01T00:00:00.000Z", "2024-03-08T00:00:00Z"],
  ["an empty window", "2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"],
])("accepted: %s", (_name, start, end) => {
  expect(parseWindow(start, end, now)).toEqual({ startAt: new Date(start), endAt: new Date(end) })
})

test.each([
  ["no start", undefined, "2024-03-08T00:00:00Z", "start_time", "required"],
  ["no end", "2024-03-01T00:00:00Z", undefined, "end_time", "required"],
  ["a date alone", "2024-03-01", "2024-03-08T00:00:00Z", "start_time", "RFC 3339"],
  ["an impossible day", "2024-03-41T00:00:00Z", "2024-03-08T00:00:00Z", "start_time", "RFC 3339"],
  [
    "a day that its month lacks",
    "2024-02-31T00:00:00Z",
    "2024-03-08T00:00:00Z",
    "start_time",
    "RFC 3339",
  ],
  [
    "an offset of no zone",
    "2024-03-01T00:00:00+19:00",
    "2024-03-08T00:00:00Z",
    "start_time",
    "RFC 3339",
  ],
  ["the zero time", "0001-01-01T00:00:00Z", "2024-03-08T00:00:00Z", "start_time", "zero"],
  [
    "a start within the day",
    "2024-03-01T01:00:00Z",
    "2024-03-08T00:00:00Z",
    "start_time",
    "midnight",
  ],
  [
    "an end within a past day",
    "2024-03-01T00:00:00Z",
    "2024-03-08T05:00:00Z",
    "end_time",
    "midnight",
  ],
  ["minutes", "2024-03-01T00:00:00Z", "2024-03-10T09:01:00Z", "end_time", "whole hour"],
  ["beyond the next hour", "2024-03-01T00:00:00Z", "2024-03-10T11:00:00Z", "end_time", "future"],
  [
    "beyond the next hour of a half-hour zone",
    "2024-03-01T00:00:00+05:45",
    "2024-03-10T17:00:00+05:45",
    "end_time",
    "future",
  ],
  [
    "an end before the start",
    "2024-03-08T00:00:00Z",
    "2024-03-01T00:00:00Z",
    "end_time",
    "before the start",
  ],
  ["half a century", "1970-01-01T00:00:00Z", "2024-03-08T00:00:00Z", "end_time", "at most"],
  ["before anything", "1969-01-01T00:00:00Z", "2024-03-08T00:00:00Z", "end_time", "at most"],
  ["more than two years", "2022-01-01T00:00:00Z", "2024-03-08T00:00:00Z", "end_time", "at most"],
])("refused: %s", (_name, start, end, field, detail) => {
  expect(parseWindow(start, end, now)).toEqual([{ field, detail: expect.stringContaining(detail) }])
})

const at = (text: string) => new Date(`2024-03-${text}Z`)

test("a window is cut into days from its start, the last one cut at its end", () => {
  expect(splitWindow({ startAt: at("01T00:00:00"), endAt: at("03T09:00:00") }, "day")).toEqual([
    { startAt: at("01T00:00:00"), endAt: at("02T00:00:00") },
    { startAt: at("02T00:00:00"), endAt: at("03T00:00:00") },
    { startAt: at("03T00:00:00"), endAt: at("03T09:00:00") },
  ])
})

test("a year is cut by weeks and rejected by days", () => {
  const year = {
    startAt: new Date("2023-03-01T00:00:00Z"),
    endAt: new Date("2024-02-29T00:00:00Z"),
  }
  expect(splitWindow(year, "week")).toHaveLength(53)
  expect(splitWindow(year, "day")).toEqual({
    field: "interval",
    detail: expect.stringContaining("365 intervals"),
  })
})

test("an empty window has no interval", () => {
  expect(splitWindow({ startAt: at("01T00:00:00"), endAt: at("01T00:00:00") }, "day")).toEqual([])
})
