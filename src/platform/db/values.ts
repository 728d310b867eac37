// How values cross the wire to PostgreSQL: what statements bind and what result text becomes.
//
// It is one place because the driver's own defaults turn instants into strings as soon as another
// library changes them.
import { types } from "@neondatabase/serverless"

/** PostgreSQL's `infinity` and `-infinity`, as the ends of JavaScript's time. */
export const instantMax = new Date(8_640_000_000_000_000)
export const instantMin = new Date(-8_640_000_000_000_000)

/** A bound value: instants as ISO text, bytes as hex, arrays element by element. */
export function encodeValue(value: unknown): unknown {
  if (value instanceof Date) return encodeInstant(value)
  if (value instanceof Uint8Array) return `\\x${toHex(value)}`
  if (Array.isArray(value)) return value.map(encodeValue)
  return value
}

/** Years outside 1 to 9999 are written as PostgreSQL reads them: `10000-01-01`, `0044-03-15 BC`. */
function encodeInstant(at: Date): string {
  if (at.getTime() === instantMax.getTime()) return "infinity"
  if (at.getTime() === instantMin.getTime()) return "-infinity"
  const sinceYear = /-\d\d-\d\dT.*$/.exec(at.toISOString())?.[0] ?? ""
  const year = at.getUTCFullYear()
  const digits = (count: number) => String(count).padStart(4, "0")
  return year > 0 ? digits(year) + sinceYear : `${digits(1 - year)}${sinceYear} BC`
}

export function toHex(bytes: Uint8Array): string {
  let text = ""
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0")
  return text
}

export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

const instantPattern =
  /^(\d+)(-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d)(:\d\d)?(?::\d\d)?( BC)?$/

/** Reads `2026-11-23 16:03:18.244+00` and its relatives; years of any length, before Christ too. */
export function parseInstant(text: string): Date {
  if (text === "infinity") return instantMax
  if (text === "-infinity") return instantMin
  const [, digits, day, time, hours, minutes = ":00", bc] = instantPattern.exec(text) ?? []
  const year = bc === undefined ? Number(digits) : 1 - Number(digits)
  const sign = year < 0 ? "-" : "+"
  const padded =
    year >= 0 && year <= 9999
      ? String(year).padStart(4, "0")
      : sign + String(Math.abs(year)).padStart(6, "0")
  return new Date(`${padded}${day}T${time}${hours}${minutes}`)
}

const parsers: Record<number, (text: string) => unknown> = {
  16: (text) => text === "t",
  17: (text) => fromHex(text.slice(2)), // after `\\x`
  20: Number,
  21: Number,
  23: Number,
  114: (text) => JSON.parse(text) as unknown,
  700: Number,
  701: Number,
  1184: parseInstant,
  1700: Number,
  3802: (text) => JSON.parse(text) as unknown,
}

/** The driver's hook: the parser of one PostgreSQL type by its oid. Arrays are the driver's own. */
export const valueTypes = {
  getTypeParser: (oid: number) => parsers[oid] ?? types.getTypeParser(oid),
}
