/**
 * Wall clocks: what the clock on the wall of a zone shows at an instant, and at which instant it shows that.
 *
 * A wall time is a number of milliseconds: the instant at which a clock in UTC would show the same digits.
 * Calendar arithmetic on it is plain addition, so a day without a midnight is stepped over like any other.
 */
export type WallMs = number

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** No zone lies further from UTC than this, today's date-line neighbours and old local mean times included. */
const OFFSET_MS_MAX = 26 * HOUR_MS

const formats = new Map<string, Intl.DateTimeFormat>()

/** Formatters are costly to make (30 us) and never change; there are at most as many as there are zones. */
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    })
    formats.set(zone, format)
  }
  return format
}

/** What the wall clock of the zone shows at the instant, to the millisecond. */
export function wallTimeAt(instantMs: number, zone: string): WallMs {
  if (zone === "UTC") return instantMs
  const parts = new Map<string, number>()
  for (const { type, value } of formatOf(zone).formatToParts(instantMs))
    parts.set(type, Number(value))
  const part = (type: string) => parts.get(type) ?? 0
  const dateMs = Date.UTC(part("year"), part("month") - 1, part("day"))
  const wholeSecondsMs =
    dateMs + part("hour") * HOUR_MS + part("minute") * MINUTE_MS + part("second") * 1000
  return wholeSecondsMs + (((instantMs % 1000) + 1000) % 1000)
}

function offsetAt(instantMs: number, zone: string): number {
  return wallTimeAt(instantMs, zone) - instantMs
}

/**
 * The instant at which the wall clock of the zone shows the wall time, by the daylight-saving law: a time that a
 * forward switch leaves out is the first valid instant after the gap; a time that occurs twice is its first
 * occurrence. The law never goes backwards: a later wall time is never an earlier instant.
 */
export function instantOfWallTime(wallMs: WallMs, zone: string): number {
  if (zone === "UTC") return wallMs
  const before = wallMs - offsetAt(wallMs - OFFSET_MS_MAX, zone)
  const after = wallMs - offsetAt(wallMs + OFFSET_MS_MAX, zone)
  const first = Math.min(before, after)
  const last = Math.max(before, after)
  if (wallTimeAt(first, zone) === wallMs) return first
  if (wallTimeAt(last, zone) === wallMs) return last
  return firstInstantShowingAtLeast(wallMs, zone, first, last)
}

/** The end of the gap that swallows the wall time: found by halving, since the clock runs forward on both sides. */
function firstInstantShowingAtLeast(
  wallMs: WallMs,
  zone: string,
  lowMs: number,
  highMs: number,
): number {
  let low = Math.floor(lowMs / 1000) - 1
  let high = Math.ceil(highMs / 1000) + 1
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (wallTimeAt(middle * 1000, zone) >= wallMs) high = middle
    else low = middle
  }
  return high * 1000
}

/** Midnight that begins the wall time's date. */
export function startOfDate(wallMs: WallMs): WallMs {
  return Math.floor(wallMs / DAY_MS) * DAY_MS
}

/** 0 for Monday to 6 for Sunday, as in the day bitmaps. */
export function weekdayOf(wallMs: WallMs): number {
  return (new Date(wallMs).getUTCDay() + 6) % 7
}
