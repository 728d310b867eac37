// How values cross the wire to PostgreSQL: what we bind, and what its text becomes. One place, because the driver's own
// defaults turn instants into strings as soon as another library touches them.
import { types } from "@neondatabase/serverless"

/** PostgreSQL's `infinity` and `-infinity`, as the ends of JavaScript's time. */
export const instantMax = new Date(8_640_000_000_000_000)
export const instantMin = new Date(-8_640_000_000_000_000)

/** A bound value: instants as ISO text, bytes as hex, arrays element by element. */
export function encodeValue(value: unknown): unknown {
  if (value instanceof Date) {
    if (value.getTime() === instantMax.getTime()) return "infinity"
    if (value.getTime() === instantMin.getTime()) return "-infinity"
    return value.toISOString()
  }
  if (value instanceof Uint8Array) return `\\x${toHex(value)}`
  if (Array.isArray(value)) return value.map(encodeValue)
  return value
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

/** `2026-11-23 16:03:18.244+00` and its relatives. */
export function parseInstant(text: string): Date {
  if (text === "infinity") return instantMax
  if (text === "-infinity") return instantMin
  const iso = text.replace(" ", "T")
  return new Date(/[+-]\d\d$/.test(iso) ? `${iso}:00` : iso)
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
