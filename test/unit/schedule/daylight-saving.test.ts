// The daylight-saving law in every zone of the tz database: a gap fires at its end, a doubled time
// once.
import { Cron } from "croner"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseWeeklySchedule, type Schedule } from "../../../src/schedule/cron.ts"
import { nextOccurrence } from "../../../src/schedule/next-occurrence.ts"
import {
  dayMs,
  hourMs,
  instantOfWallTime,
  minuteMs,
  wallTimeAt,
} from "../../../src/schedule/wall-time.ts"
import { zones } from "../../../src/schedule/zones.ts"

/** The instants, in some years, at which the clock of the zone is put forward or back. */
function switchesOf(zone: string, fromYear: number, toYear: number): number[] {
  const found: number[] = []
  const end = Date.UTC(toYear, 0, 1)
  const offsetAt = (at: number) => wallTimeAt(at, zone) - at
  for (let at = Date.UTC(fromYear, 0, 1); at < end; at += 7 * dayMs) {
    let [low, high] = [at, at + 7 * dayMs]
    if (offsetAt(low) === offsetAt(high)) continue
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000
      if (offsetAt(middle) === offsetAt(low)) low = middle
      else high = middle
    }
    found.push(high)
  }
  return found
}

function schedule(text: string): Schedule {
  const parsed = parseWeeklySchedule(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.schedule
}

const twoDigits = (wallMs: number) => {
  const at = new Date(wallMs)
  return `${at.getUTCMinutes()} ${at.getUTCHours()}`
}

test("instantOfWallTime returns the instant or the end of the gap in every zone", () => {
  for (const zone of zones) {
    for (const switchAt of switchesOf(zone, 2023, 2027)) {
      const gapMs = wallTimeAt(switchAt, zone) - wallTimeAt(switchAt - 1000, zone) - 1000
      for (const aroundMs of [-90, -60, -30, -1, 0, 1, 15, 30, 45, 60, 90]) {
        const wallMs = wallTimeAt(switchAt - 1000, zone) + 1000 + aroundMs * minuteMs
        const instantMs = instantOfWallTime(wallMs, zone)
        const label = `${zone} ${new Date(wallMs).toISOString()}`
        const isInGap = gapMs > 0 && aroundMs >= 0 && aroundMs * minuteMs < gapMs
        if (isInGap) expect(instantMs, label).toBe(switchAt)
        else expect(wallTimeAt(instantMs, zone), label).toBe(wallMs)
        const isDoubled = gapMs < 0 && aroundMs < 0 && aroundMs * minuteMs >= gapMs
        if (isDoubled) expect(instantMs, label).toBeLessThan(switchAt)
      }
    }
  }
})

test("a time of day fires once on each date in every zone, also at a switch", () => {
  for (const zone of zones) {
    for (const switchAt of switchesOf(zone, 2025, 2027)) {
      const shown = wallTimeAt(switchAt - 1000, zone) + 1000
      for (const minutes of [-30, 0, 15, 30]) {
        const daily = schedule(`CRON_TZ=${zone} ${twoDigits(shown + minutes * minuteMs)} * * *`)
        const fired: number[] = []
        let at = new Date(switchAt - 2.5 * dayMs)
        while ((at = nextOccurrence(daily, at)).getTime() < switchAt + 2.5 * dayMs)
          fired.push(at.getTime())
        const label = `${daily.text} around ${new Date(switchAt).toISOString()}`
        expect(fired.length, label).toBe(5)
        fired.reduce((previous, instant) => {
          expect(Math.abs(instant - previous - dayMs), label).toBeLessThanOrEqual(3 * hourMs)
          return instant
        })
      }
    }
  }
})

test("a date that the clock skips (Apia, 30 December 2011) fires at its end", () => {
  const daily = schedule("CRON_TZ=Pacific/Apia 0 9 * * *")
  const first = nextOccurrence(daily, new Date("2011-12-29T20:00:00Z"))
  expect(first.toISOString()).toBe("2011-12-30T10:00:00.000Z")
  expect(nextOccurrence(daily, first).toISOString()).toBe("2011-12-30T19:00:00.000Z")
})

test("a list of times in a gap fires once, at its end", () => {
  const list = schedule("CRON_TZ=America/New_York 15,45 2 * * *")
  const first = nextOccurrence(list, new Date("2024-03-10T05:00:00Z"))
  expect(first.toISOString()).toBe("2024-03-10T07:00:00.000Z")
  expect(nextOccurrence(list, first).toISOString()).toBe("2024-03-11T06:15:00.000Z")
})

describe("croner as the oracle", () => {
  test("agrees on one time a day in every zone", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 0, max: 23 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }),
        fc.integer({ min: Date.UTC(2015, 0, 1), max: Date.UTC(2035, 0, 1) }),
        (zone, minute, hour, days, atMs) => {
          const fields = `${minute} ${hour} * * ${days.join(",")}`
          const oracle = new Cron(fields, { timezone: zone, paused: true }).nextRun(new Date(atMs))
          const next = nextOccurrence(schedule(`CRON_TZ=${zone} ${fields}`), new Date(atMs))
          expect(next.toISOString()).toBe(oracle?.toISOString())
        },
      ),
      { numRuns: 3000 },
    )
  })
})
