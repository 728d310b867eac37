// Cron texts with a zone, in the two forms that the product stores.
//
// The text is `[CRON_TZ=<zone> ]<minute> <hour> <day-of-month> <month> <day-of-week>`. The weekly
// form is for autostart, the daily form for quiet hours. Checks run in the order in which clients
// see the errors; the error texts are part of the interface.
import {
  dayOfMonthRange,
  dayOfWeekRange,
  type FieldRange,
  hourRange,
  minuteRange,
  monthRange,
  parseField,
} from "./cron-field.ts"
import { isZone } from "./zones.ts"

/** A schedule that repeats each week on the wall clock of its zone. */
export type Schedule = {
  zone: string
  /** Ascending values of the minute, hour and day-of-week fields (0 is Sunday). */
  minutes: readonly number[]
  hours: readonly number[]
  daysOfWeek: readonly number[]
  /** The five fields joined by single blanks. */
  cron: string
  /** `CRON_TZ=<zone> <cron>`, the tidied form. */
  text: string
}

export type ScheduleResult = { ok: true; schedule: Schedule } | { ok: false; error: string }

/** When a user's workspace starts: any minutes and hours on some days of the week. */
export function parseWeeklySchedule(text: string): ScheduleResult {
  const words = scheduleWords(text)
  if (words === null) return invalid("weekly", fiveFields)
  if (words[2] !== "*" || words[3] !== "*")
    return invalid("weekly", "expected day-of-month and month to be *")
  return parseCron(text)
}

/** As weekly, on every day of the week. `parseQuietHours` also requires a single time a day. */
export function parseDailySchedule(text: string): ScheduleResult {
  const words = scheduleWords(text)
  if (words === null) return invalid("daily", fiveFields)
  if (words[2] !== "*" || words[3] !== "*" || words[4] !== "*") {
    return invalid("daily", "expected day-of-month, month and day-of-week to be *")
  }
  return parseCron(text)
}

const fiveFields =
  "expected schedule to consist of 5 fields with an optional CRON_TZ=<timezone> prefix"

function invalid(form: string, error: string): ScheduleResult {
  return { ok: false, error: `validate ${form} schedule: ${error}` }
}

function splitWords(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "")
}

/** The five words to check. The first of six is taken for a zone here; the parser checks it. */
function scheduleWords(text: string): string[] | null {
  const words = splitWords(text)
  if (words.length < 5) return null
  return words.length === 6 ? words.slice(1) : words
}

const zonePrefix = "CRON_TZ="

function parseCron(raw: string): ScheduleResult {
  const text = raw.startsWith(zonePrefix) ? raw : `${zonePrefix}UTC ${raw}`
  const blank = text.indexOf(" ")
  const zoneEnd = blank < 0 ? text.length : blank
  const zoneName = text.slice(zonePrefix.length, zoneEnd)
  const zoneError = findZoneError(zoneName)
  if (zoneError !== null) {
    return { ok: false, error: `parse schedule: provided bad location ${zoneName}: ${zoneError}` }
  }
  const rest = text.slice(zoneEnd).trim()
  if (rest.startsWith("@")) {
    return { ok: false, error: `parse schedule: parser does not accept descriptors: ${rest}` }
  }
  const fields = splitWords(rest)
  if (fields.length !== 5) {
    const found = `found ${fields.length}: [${fields.join(" ")}]`
    return { ok: false, error: `parse schedule: expected exactly 5 fields, ${found}` }
  }
  const values: number[][] = []
  for (const [index, range] of fieldRanges.entries()) {
    const parsed = parseField(fields[index] ?? "", range)
    if (!parsed.ok) return { ok: false, error: `parse schedule: ${parsed.error}` }
    values.push(parsed.values)
  }
  if (zoneName === "Local")
    return { ok: false, error: "schedules scoped to time.Local are not supported" }
  const zone = zoneName === "" ? "UTC" : zoneName
  const cron = fields.join(" ")
  const [minutes = [], hours = [], , , daysOfWeek = []] = values
  return {
    ok: true,
    schedule: { zone, minutes, hours, daysOfWeek, cron, text: `${zonePrefix}${zone} ${cron}` },
  }
}

const fieldRanges: readonly FieldRange[] = [
  minuteRange,
  hourRange,
  dayOfMonthRange,
  monthRange,
  dayOfWeekRange,
]

function findZoneError(name: string): string | null {
  if (name === "" || name === "Local" || isZone(name)) return null
  if (name.includes("..") || name.startsWith("/") || name.includes("\\"))
    return "time: invalid location name"
  return `unknown time zone ${name}`
}
