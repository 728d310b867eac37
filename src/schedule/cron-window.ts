// Cron read as a time range, by the wall clock of a zone.
//
// `* 9-18 * * 1-5` covers 09:00:00 to 18:59:59 on weekdays.

/** A parsed window. A null set means the field does not restrict. */
export type CronWindow = {
  hours: Set<number>
  daysOfMonth: Set<number>
  months: Set<number>
  weekdays: Set<number>
  isDayOfMonthOpen: boolean
  isWeekdayOpen: boolean
}

const monthNames = [
  "jan",
  "feb",
  "mar",
  "apr",
  "may",
  "jun",
  "jul",
  "aug",
  "sep",
  "oct",
  "nov",
  "dec",
]
const weekdayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

type Field = { min: number; max: number; names: readonly string[]; firstName: number }

const hourField: Field = { min: 0, max: 23, names: [], firstName: 0 }
const dayOfMonthField: Field = { min: 1, max: 31, names: [], firstName: 0 }
const monthField: Field = { min: 1, max: 12, names: monthNames, firstName: 1 }
/** Sunday is 0; 7 is an error here, unlike in many dialects. */
const weekdayField: Field = { min: 0, max: 6, names: weekdayNames, firstName: 0 }

/** The window of a cron text. Null unless it has 5 fields, minute `*` and no descriptor. */
export function parseCronWindow(cron: string): CronWindow | null {
  const [minute, hour, dayOfMonth, month, weekday, ...rest] = cron.trim().split(/\s+/)
  if (minute !== "*" || hour === undefined || dayOfMonth === undefined) return null
  if (month === undefined || weekday === undefined || rest.length > 0) return null
  const hours = parseField(hour, hourField)
  const daysOfMonth = parseField(dayOfMonth, dayOfMonthField)
  const months = parseField(month, monthField)
  const weekdays = parseField(weekday, weekdayField)
  if (!hours || !daysOfMonth || !months || !weekdays) return null
  return {
    hours: hours.values,
    daysOfMonth: daysOfMonth.values,
    months: months.values,
    weekdays: weekdays.values,
    isDayOfMonthOpen: daysOfMonth.isOpen,
    isWeekdayOpen: weekdays.isOpen,
  }
}

/**
 * True if the minute of `at` is in the window, by the wall clock of the zone.
 *
 * An hour that the clock repeats matches twice, one that it skips never. If both day fields
 * restrict, one match is enough; otherwise both must match. Throws a RangeError for an unknown
 * zone.
 */
export function isWithinWindow(window: CronWindow, at: Date, zone: string): boolean {
  const wall = wallClock(at, zone)
  if (!window.months.has(wall.month) || !window.hours.has(wall.hour)) return false
  const isDay = window.daysOfMonth.has(wall.dayOfMonth)
  const isWeekday = window.weekdays.has(wall.weekday)
  return window.isDayOfMonthOpen || window.isWeekdayOpen ? isDay && isWeekday : isDay || isWeekday
}

/** True if the runtime knows the zone. The empty text is not a zone. */
export function isZone(zone: string): boolean {
  if (zone === "") return false
  try {
    formatterOf(zone)
    return true
  } catch {
    return false
  }
}

function wallClock(at: Date, zone: string) {
  const parts: Record<string, string> = {}
  for (const { type, value } of formatterOf(zone).formatToParts(at)) parts[type] = value
  return {
    month: Number(parts["month"]),
    dayOfMonth: Number(parts["day"]),
    hour: Number(parts["hour"]),
    weekday: weekdayNames.indexOf((parts["weekday"] ?? "").toLowerCase()),
  }
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    month: "numeric",
    day: "numeric",
    weekday: "short",
    hour: "numeric",
  })
}

/** `isOpen` is true if a part is `*` or `?` without a step. Such a day field does not restrict. */
function parseField(text: string, field: Field): { values: Set<number>; isOpen: boolean } | null {
  const values = new Set<number>()
  let isOpen = false
  for (const part of text.split(",")) {
    const match = /^(\*|\?|[0-9a-z]+)(?:-([0-9a-z]+))?(?:\/(\d+))?$/i.exec(part)
    if (!match) return null
    const [, first = "", last, stepText] = match
    const isStar = first === "*" || first === "?"
    if (isStar && last !== undefined) return null
    const step = stepText === undefined ? 1 : Number(stepText)
    const low = isStar ? field.min : parseValue(first, field)
    // A single value with a step runs to the end of the field: 4/2 in hours is 4, 6, ... 22.
    const high =
      isStar || (last === undefined && stepText !== undefined)
        ? field.max
        : parseValue(last ?? first, field)
    if (low === null || high === null || low > high || step < 1) return null
    for (let value = low; value <= high; value += step) values.add(value)
    if (isStar && step === 1) isOpen = true
  }
  return { values, isOpen }
}

function parseValue(text: string, field: Field): number | null {
  const nameIndex = field.names.indexOf(text.toLowerCase())
  if (nameIndex >= 0) return nameIndex + field.firstName
  if (!/^\d{1,2}$/.test(text)) return null
  const value = Number(text)
  return value >= field.min && value <= field.max ? value : null
}
