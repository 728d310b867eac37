// Instants and durations at the edge: one parser for each, with the bounds that every room keeps.
//
// PostgreSQL's calendar and JavaScript's text of a date both end where arithmetic on a value inside
// these bounds never comes: a year has four digits, and an instant plus a duration is still a date.
import { z } from "@hono/zod-openapi"
import { int64Schema, zeroTime } from "./wire.ts"

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/
const isoTime = z.iso.datetime({ offset: true })

const earliest = Date.UTC(2000, 0, 1)
const latest = Date.UTC(10_000, 0, 1) - 1

/** Reads RFC 3339 with its zone, between the years 2000 and 9999. Null for any other text. */
export function parseTime(text: string): Date | null {
  if (!timePattern.test(text) || !isoTime.safeParse(text).success) return null
  const ms = Date.parse(text)
  return ms >= earliest && ms <= latest ? new Date(ms) : null
}

const notATime = "must be an RFC 3339 time between the years 2000 and 9999"

/** An instant in a body, as a `Date`. */
export const instantSchema = z
  .string()
  .max(64)
  .transform((text, context) => {
    const at = parseTime(text)
    if (at !== null) return at
    context.addIssue({ code: "custom", message: notATime })
    return z.NEVER
  })
  .openapi({ type: "string", format: "date-time", example: "2024-01-01T12:00:00Z" })

/** An instant that may be absent: clients also write null, an empty text or the zero time. */
export const optionalInstantSchema = z
  .preprocess(
    (value) => (value === undefined || value === "" || value === zeroTime ? null : value),
    instantSchema.nullable(),
  )
  .openapi({ type: ["string", "null"], format: "date-time", example: "2024-01-01T12:00:00Z" })

const dayMs = 86_400_000
export const durationDaysMax = 3650
export const durationMsMax = durationDaysMax * dayMs
export const durationTooLong = `Must be at most ${durationDaysMax} days.`

/** A duration in whole milliseconds. A field's own lower bound is its route's. */
export const durationMsSchema = int64Schema
  .refine((ms) => Math.abs(ms) <= durationMsMax, durationTooLong)
  .openapi({ type: "integer", format: "int64", maximum: durationMsMax })

const unitMs: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/** Reads a duration as Go writes it, `1h30m`. Undefined for any other text or beyond the bound. */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(\d{1,19}(\.\d{1,19})?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let ms = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    ms += Number(amount) * (unitMs[unit ?? ""] ?? 0)
  }
  return ms <= durationMsMax ? ms : undefined
}
