// Whether two pool schedules cover a common hour.
//
// The syntax is deliberately stricter than that of the window parser.

/** Whether the pair overlaps, or why it cannot be compared. */
export type Overlap = { overlap: boolean } | { error: string }

/** The first pair of a list that overlaps or cannot be compared. */
export type ScheduleConflict = { pair: [number, number]; error: string | null }

const fieldMax = { month: 12, dayOfMonth: 31, weekday: 6, hour: 23 }

/**
 * The first conflict among the pairs of a list; null if the list has no conflict. Only pairs are
 * compared, so a single schedule always passes, even an invalid one.
 */
export function findScheduleConflict(crons: readonly string[]): ScheduleConflict | null {
  for (let first = 0; first < crons.length; first++) {
    for (let second = first + 1; second < crons.length; second++) {
      const result = compareSchedules(crons[first] ?? "", crons[second] ?? "")
      if ("error" in result) return { pair: [first, second], error: result.error }
      if (result.overlap) return { pair: [first, second], error: null }
    }
  }
  return null
}

/**
 * Compares months, then days, then hours, and stops at the first field without a common value.
 * Later fields are then not read. A field is `*`, an integer, a range or a list of those; a step
 * or a name is an error.
 */
export function compareSchedules(a: string, b: string): Overlap {
  const left = splitFields(a)
  const right = splitFields(b)
  if ("error" in left) return left
  if ("error" in right) return right

  const months = compareFields(left.month, right.month, fieldMax.month)
  if ("error" in months || !months.overlap) return months
  const days = compareDays(left, right)
  if ("error" in days || !days.overlap) return days
  return compareFields(left.hour, right.hour, fieldMax.hour)
}

type Fields = { hour: string; dayOfMonth: string; month: string; weekday: string }

function splitFields(cron: string): Fields | { error: string } {
  const fields = cron.split(/\s+/).filter((field) => field !== "")
  const [, hour, dayOfMonth, month, weekday] = fields
  if (
    fields.length !== 5 ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    weekday === undefined
  ) {
    return { error: `schedule "${cron}" has ${fields.length} fields, expected 5 fields` }
  }
  return { hour, dayOfMonth, month, weekday }
}

/**
 * If a day of month is `*`, the weekdays decide; if a weekday is `*`, the days of month decide.
 * If all fields restrict, one common value is enough.
 */
function compareDays(left: Fields, right: Fields): Overlap {
  if (left.dayOfMonth === "*" || right.dayOfMonth === "*") {
    return compareFields(left.weekday, right.weekday, fieldMax.weekday)
  }
  const days = compareFields(left.dayOfMonth, right.dayOfMonth, fieldMax.dayOfMonth)
  if (left.weekday === "*" || right.weekday === "*") return days
  if ("error" in days || days.overlap) return days
  return compareFields(left.weekday, right.weekday, fieldMax.weekday)
}

function compareFields(left: string, right: string, max: number): Overlap {
  const a = expandField(left, max)
  const b = expandField(right, max)
  if ("error" in a) return a
  if ("error" in b) return b
  return { overlap: a.values.values().some((value) => b.values.has(value)) }
}

function expandField(text: string, max: number): { values: Set<number> } | { error: string } {
  const values = new Set<number>()
  for (const part of text.split(",")) {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)$/.exec(part)
    if (!match) return { error: `"${part}" is not a number, a range or *` }
    const low = match[1] === undefined ? 0 : Number(match[1])
    const high = match[1] === undefined ? max : Number(match[2] ?? match[1])
    if (low > high || high > max) return { error: `"${part}" is out of range` }
    for (let value = low; value <= high; value++) values.add(value)
  }
  return { values }
}
