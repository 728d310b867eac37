// The window of an insights request: whole days of the caller's zone, and its intervals.

export type Window = { startAt: Date; endAt: Date }

export type Interval = "day" | "week"

export type WindowProblem = { field: string; detail: string }

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The instant that a typed client sends for "none": the first of January of the year one. */
const zeroTimeMs = Date.parse("0001-01-01T00:00:00Z")

/** No zone is further from UTC, daylight saving included. */
const offsetMsMax = 14 * hourMs

/** The longest window of one request: two years. */
export const windowDaysMax = 731

/** The most intervals of one report; a year by days is rejected, a year by weeks is not. */
export const intervalsMax = 120

const intervalMs: Record<Interval, number> = { day: dayMs, week: 7 * dayMs }

const rfc3339 =
  /^(\d{4}-\d\d-\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/**
 * Parses the two ends. Each must be midnight of its own zone; an end on the zone's current day may
 * be any whole hour. Neither may be after the zone's next whole hour, and the end must not be
 * before the start.
 */
export function parseWindow(
  startText: string | undefined,
  endText: string | undefined,
  now: Date,
): Window | WindowProblem[] {
  const start = parseEnd("start_time", startText, now)
  const end = parseEnd("end_time", endText, now)
  if ("detail" in start || "detail" in end) return [start, end].filter((edge) => "detail" in edge)
  const spanMs = end.at.getTime() - start.at.getTime()
  if (spanMs < 0) return [{ field: "end_time", detail: "Must not be before the start time." }]
  if (spanMs > windowDaysMax * dayMs) {
    return [{ field: "end_time", detail: `The window may span at most ${windowDaysMax} days.` }]
  }
  return { startAt: start.at, endAt: end.at }
}

/**
 * Returns the intervals of a window in order, the last one cut at its end; a problem if there would
 * be too many.
 */
export function splitWindow(
  { startAt, endAt }: Window,
  interval: Interval,
): Window[] | WindowProblem {
  const stepMs = intervalMs[interval]
  const count = Math.ceil((endAt.getTime() - startAt.getTime()) / stepMs)
  if (count > intervalsMax) {
    return {
      field: "interval",
      detail: `The window has ${count} intervals, more than ${intervalsMax}; use a shorter one.`,
    }
  }
  return Array.from({ length: count }, (_, index) => {
    const at = startAt.getTime() + index * stepMs
    return { startAt: new Date(at), endAt: new Date(Math.min(at + stepMs, endAt.getTime())) }
  })
}

function parseEnd(
  field: "start_time" | "end_time",
  text: string | undefined,
  now: Date,
): { at: Date } | WindowProblem {
  if (text === undefined || text === "")
    return { field, detail: `Query param "${field}" is required.` }
  const match = rfc3339.exec(text)
  const at = new Date(text)
  const [, date, hour, minute, second, fraction, sign, offsetHours, offsetMinutes] = match ?? []
  const offsetMs =
    (sign === "-" ? -1 : 1) *
    (Number(offsetHours ?? 0) * hourMs + Number(offsetMinutes ?? 0) * 60_000)
  if (
    date === undefined ||
    !isDate(date) ||
    Number.isNaN(at.getTime()) ||
    Math.abs(offsetMs) > offsetMsMax
  ) {
    return { field, detail: `Query param "${field}" must be a valid RFC 3339 time.` }
  }
  if (at.getTime() === zeroTimeMs)
    return { field, detail: `Query param "${field}" must not be zero.` }
  const nextHourMs = (Math.floor((now.getTime() + offsetMs) / hourMs) + 1) * hourMs - offsetMs
  if (at.getTime() > nextHourMs)
    return { field, detail: `Query param "${field}" must not be in the future.` }

  if (minute !== "00" || second !== "00" || Number(fraction ?? "0") !== 0) {
    return { field, detail: `Query param "${field}" must be at a whole hour.` }
  }
  const isOnCurrentDay = localDay(at, offsetMs) === localDay(now, offsetMs)
  if (hour !== "00" && !(field === "end_time" && isOnCurrentDay)) {
    return { field, detail: `Query param "${field}" must be at midnight of its zone.` }
  }
  return { at }
}

/** True for a day of the calendar: the runtime reads the 31st of February as a day in March. */
function isDate(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}

function localDay(at: Date, offsetMs: number): number {
  return Math.floor((at.getTime() + offsetMs) / dayMs)
}
