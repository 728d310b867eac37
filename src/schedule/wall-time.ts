// Wall clocks: what a clock in a zone shows at an instant, and at which instant it shows that.
//
// A wall time is a number of milliseconds: the instant at which a clock in UTC would show the same
// digits. Calendar arithmetic on it is plain addition, so a day without a midnight needs no special
// case.
export type WallMs = number

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
export const dayMs = 24 * hourMs

/** No zone is further from UTC than this, including old local mean times and the date line. */
const offsetMsMax = 26 * hourMs

const formats = new Map<string, Intl.DateTimeFormat>()

/** A formatter costs 30 us to make and never changes, so each zone's is kept. */
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
    dateMs + part("hour") * hourMs + part("minute") * minuteMs + part("second") * 1000
  return wholeSecondsMs + (((instantMs % 1000) + 1000) % 1000)
}

function offsetAt(instantMs: number, zone: string): number {
  return wallTimeAt(instantMs, zone) - instantMs
}

/**
 * The instant at which the wall clock of the zone shows the wall time, by the daylight-saving law.
 *
 * A time in a gap is the first valid instant after the gap. A time that occurs twice is its first
 * occurrence. The law is monotonic: a later wall time is never an earlier instant.
 */
export function instantOfWallTime(wallMs: WallMs, zone: string): number {
  if (zone === "UTC") return wallMs
  const before = wallMs - offsetAt(wallMs - offsetMsMax, zone)
  const after = wallMs - offsetAt(wallMs + offsetMsMax, zone)
  const first = Math.min(before, after)
  const last = Math.max(before, after)
  if (wallTimeAt(first, zone) === wallMs) return first
  if (wallTimeAt(last, zone) === wallMs) return last
  return firstInstantShowingAtLeast(wallMs, zone, first, last)
}

/**
 * The end of the gap around the wall time, by bisection: the clock runs forward on both sides of
 * it.
 */
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
  return Math.floor(wallMs / dayMs) * dayMs
}

/** 0 for Monday to 6 for Sunday, as in the day bitmaps. */
export function weekdayOf(wallMs: WallMs): number {
  return (new Date(wallMs).getUTCDay() + 6) % 7
}
