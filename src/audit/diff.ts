// The diff of an audit row: old and new value of each field that differs.
//
// The values of a secret are never written.
import { sql, type SQL } from "drizzle-orm"

export type AuditedField = { old?: SQL; new?: SQL; isSecret?: boolean }

/**
 * A jsonb object `{field: {old, new, secret}}` of the fields that differ, for `auditInsert`.
 *
 * The expressions use the columns of the audited relation; a missing side is null.
 */
export function auditDiff(fields: Record<string, AuditedField>): SQL {
  const side = (value: SQL | undefined) =>
    value === undefined ? sql`null::jsonb` : sql`to_jsonb(${value})`
  const rows = Object.entries(fields).map(
    ([name, { old: before, new: after, isSecret = false }]) =>
      sql`(${name}::text, ${side(before)}, ${side(after)}, ${isSecret}::boolean)`,
  )
  return sql`(select coalesce(jsonb_object_agg(d.field, case when d.secret
        then jsonb_build_object('old', '', 'new', '', 'secret', true)
        else jsonb_build_object('old', d.old, 'new', d.new, 'secret', false) end), '{}')
      from (values ${sql.join(rows, sql`, `)}) d (field, old, new, secret)
      where d.old is distinct from d.new)`
}
