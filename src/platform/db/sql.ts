// Small pieces of SQL text that statements share.
import { sql, type SQL } from "drizzle-orm"

/** A JSON document as a bound parameter. */
export function json(value: unknown): SQL {
  return sql`${toStorable(value)}::jsonb`
}

/**
 * JSON may hold half of a surrogate pair and jsonb refuses it. In plain text it becomes U+FFFD, so
 * it does here too.
 */
function toStorable(value: unknown): string {
  const text = JSON.stringify(value)
  if (!/\\ud[89a-f]/i.test(text)) return text
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "string" ? inner.toWellFormed() : inner,
  )
}

/** Arrays are bound whole: a bare `${array}` would become a tuple. */
export const uuids = (ids: readonly string[]): SQL => sql`${sql.param(ids)}::uuid[]`
export const texts = (values: readonly string[]): SQL => sql`${sql.param(values)}::text[]`
export const instants = (values: readonly (Date | null)[]): SQL =>
  sql`${sql.param(values)}::timestamptz[]`

/** The literal characters of a LIKE pattern, `\` being its escape. */
export function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`)
}
