// One field of a cron text: the set of values that it names.
//
// A field is a comma list whose empty items are skipped. An item is `*`, `?`, a number or name, or
// a range, each with an optional step; `n/step` runs from n to the field's maximum. Clients know
// the error texts.
export type FieldRange = { min: number; max: number; names: Record<string, number> }

export const minuteRange: FieldRange = { min: 0, max: 59, names: {} }
export const hourRange: FieldRange = { min: 0, max: 23, names: {} }
export const dayOfMonthRange: FieldRange = { min: 1, max: 31, names: {} }
export const monthRange: FieldRange = {
  min: 1,
  max: 12,
  names: {
    jan: 1,
    feb: 2,
    mar: 3,
    apr: 4,
    may: 5,
    jun: 6,
    jul: 7,
    aug: 8,
    sep: 9,
    oct: 10,
    nov: 11,
    dec: 12,
  },
}
/** Sunday is 0; 7 is rejected. */
export const dayOfWeekRange: FieldRange = {
  min: 0,
  max: 6,
  names: { sun: 0, mon: 1, tue: 2, wed: 3, thu: 4, fri: 5, sat: 6 },
}

export type FieldResult = { ok: true; values: number[] } | { ok: false; error: string }

/**
 * The values of the field, ascending and without repeats. A field without a value never fires, so
 * it is an error.
 */
export function parseField(text: string, range: FieldRange): FieldResult {
  const values = new Set<number>()
  for (const item of text.split(",")) {
    if (item === "") continue
    const parsed = parseItem(item, range)
    if (!parsed.ok) return parsed
    for (const value of parsed.values) values.add(value)
  }
  if (values.size === 0) return { ok: false, error: `field has no value: ${text}` }
  return { ok: true, values: [...values].sort((a, b) => a - b) }
}

function parseItem(item: string, range: FieldRange): FieldResult {
  const [span = "", stepText, ...moreSteps] = item.split("/")
  const [lowText = "", highText, ...moreHighs] = span.split("-")
  let low: number
  let high: number
  if (lowText === "*" || lowText === "?") {
    low = range.min
    high = range.max
  } else {
    const start = parseNumberOrName(lowText, range)
    if (!start.ok) return start
    low = high = start.value
    if (moreHighs.length > 0) return { ok: false, error: `too many hyphens: ${item}` }
    if (highText !== undefined) {
      const end = parseNumberOrName(highText, range)
      if (!end.ok) return end
      high = end.value
    }
  }
  let step = 1
  if (moreSteps.length > 0) return { ok: false, error: `too many slashes: ${item}` }
  if (stepText !== undefined) {
    const parsed = parseNumber(stepText)
    if (!parsed.ok) return parsed
    step = parsed.value
    if (highText === undefined) high = range.max
  }
  const error = findRangeError(low, high, step, range)
  if (error !== null) return { ok: false, error: `${error}: ${item}` }
  const values: number[] = []
  for (let value = low; value <= high; value += step) values.push(value)
  return { ok: true, values }
}

function findRangeError(low: number, high: number, step: number, range: FieldRange): string | null {
  if (low < range.min) return `beginning of range (${low}) below minimum (${range.min})`
  if (high > range.max) return `end of range (${high}) above maximum (${range.max})`
  if (low > high) return `beginning of range (${low}) beyond end of range (${high})`
  if (step === 0) return "step of range should be a positive number"
  return null
}

type NumberResult = { ok: true; value: number } | { ok: false; error: string }

function parseNumberOrName(text: string, range: FieldRange): NumberResult {
  const named = range.names[text.toLowerCase()]
  return named === undefined ? parseNumber(text) : { ok: true, value: named }
}

function parseNumber(text: string): NumberResult {
  if (!/^[+-]?[0-9]+$/.test(text)) {
    return {
      ok: false,
      error: `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`,
    }
  }
  const value = Number(text)
  if (!Number.isSafeInteger(value)) {
    const detail = `parsing "${text}": value out of range`
    return { ok: false, error: `failed to parse int from ${text}: strconv.Atoi: ${detail}` }
  }
  if (value < 0) return { ok: false, error: `negative number (${value}) not allowed: ${text}` }
  return { ok: true, value }
}
