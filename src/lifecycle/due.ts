// Which workspaces a tick looks at: those whose lower bound has come.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../db/client.ts"

/** The most workspaces in one batch: row locks stay short and the Worker's memory flat. */
export const batchSizeMax = 1000

/** The fewest: one that was marked and one whose time has come. */
export const batchSizeMin = 2

/** One policy edit over 100,000 workspaces marks them all; it may not starve the stops whose time has come. */
const dirtyShareMax = 0.5

/** Whether there is anything to do at all: the whole cost of a tick at which nothing is due. */
export function anyDue(now: Date): Statement<{ any_due: boolean }> {
  return statement(
    "lifecycle.any-due",
    sql`select exists (select from workspaces where check_at <= ${now}::timestamptz) as any_due`,
  )
}

/**
 * The CTEs `dirty`, `timed` and `due` (id, row_version) over index workspaces_check_at: at most half of the batch from the
 * workspaces that were marked, the rest by time. With a lock, rows that another statement holds are left to it.
 */
export function dueCtes(now: Date, size: number, lock: SQL): SQL {
  const dirtyMax = Math.floor(size * dirtyShareMax)
  return sql`dirty as materialized (
      select id, ctid as row_version from workspaces
      where check_at = '-infinity' order by id limit ${dirtyMax}::int ${lock}
    ), timed as materialized (
      select id, ctid as row_version from workspaces
      where check_at > '-infinity' and check_at <= ${now}::timestamptz
      order by check_at, id limit ${size - dirtyMax}::int ${lock}
    ), due as materialized (
      select id, row_version from dirty union all select id, row_version from timed
    )`
}

export const lockDue: SQL = sql`for update skip locked`
export const noLock: SQL = sql``

/**
 * Puts the next workspaces of this size off by a quarter of an hour: those whose batch fails even when it is the smallest, so that
 * one that cannot be written does not hold up all the others.
 */
export function setAside(now: Date, size: number): Statement<{ id: string }> {
  const until = new Date(now.getTime() + 15 * 60_000)
  return statement(
    "lifecycle.set-aside",
    sql`with ${dueCtes(now, size, lockDue)}
    update workspaces w set check_at = ${until}::timestamptz from due where w.id = due.id returning w.id`,
  )
}
