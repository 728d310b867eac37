// The midnights of a zone for a chart of the last weeks, oldest first.
import { dayCount } from "./daily-users.ts"

const dayMs = 86_400_000

/**
 * Returns the midnights of the last days. `offsetMsAt` returns how far the zone is ahead of UTC at
 * an instant; a day's midnight takes the offset of that day.
 */
export function lastMidnights(now: Date, offsetMsAt: (at: Date) => number): Date[] {
  const offsetMs = offsetMsAt(now)
  const today = Math.floor((now.getTime() + offsetMs) / dayMs)
  return Array.from({ length: dayCount }, (_, index) => {
    const localMs = (today - (dayCount - 1 - index)) * dayMs
    return new Date(localMs - offsetMsAt(new Date(localMs - offsetMs)))
  })
}

/**
 * Returns how far a zone is ahead of UTC at an instant. Throws a RangeError for an unknown zone.
 */
export function zoneOffsetMs(zone: string, at: Date): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    timeZoneName: "longOffset",
  }).formatToParts(at)
  const match = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(
    parts.find(({ type }) => type === "timeZoneName")?.value ?? "",
  )
  const minutes = Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0)
  return (match?.[1] === "-" ? -1 : 1) * minutes * 60_000
}
