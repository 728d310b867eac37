// The span that a roll-up run counts: it starts where the last one ended, so every row counts once.
import { sql, type SQL } from "drizzle-orm"

/**
 * Rows are counted this long after their instant: by then every statement that may write one has
 * ended.
 */
export const rollupLagMs = 120_000

/**
 * The CTEs `held`, `reach`, `moved` and `span`. `span` (from_at, to_at) is empty if another run has
 * come as far.
 *
 * The mark's row is locked first, so a second run at the same time waits and then finds the mark
 * moved. Of two first runs, one inserts the mark and the other counts nothing.
 */
export function rollupSpan(name: string, throughAt: Date): SQL {
  return sql`held as (
      select through_at from rollup_marks where name = ${name} for update
    ), reach as (
      select coalesce((select through_at from held), '-infinity') as from_at,
        ${throughAt}::timestamptz as to_at
    ), moved as (
      insert into rollup_marks (name, through_at) select ${name}, to_at from reach
        where from_at < to_at
      on conflict (name) do update set through_at = excluded.through_at
        where rollup_marks.through_at < excluded.through_at
      returning name
    ), span as (
      select from_at, to_at from reach where exists (select from moved)
    )`
}
