// Which workspaces a tick looks at: those whose lower bound has come.
import { sql, type SQL } from "drizzle-orm"

/** The most workspaces in one batch: row locks stay short and the Worker's memory flat. */
export const batchSizeMax = 1000

/** One policy edit over 100,000 workspaces marks them all; it may not starve the stops whose time has come. */
const dirtyShareMax = 0.5

/**
 * The CTEs `dirty`, `timed` and `due` (id, row_version) over index workspaces_check_at: at most half of the batch from the
 * workspaces that were marked, the rest by time. With a lock, rows that another statement holds are left to it.
 */
export function dueCtes(now: Date, lock: SQL): SQL {
  const dirtyMax = Math.floor(batchSizeMax * dirtyShareMax)
  return sql`dirty as materialized (
      select id, ctid as row_version from workspaces
      where check_at = '-infinity' order by id limit ${dirtyMax}::int ${lock}
    ), timed as materialized (
      select id, ctid as row_version from workspaces
      where check_at > '-infinity' and check_at <= ${now}::timestamptz
      order by check_at, id limit ${batchSizeMax - dirtyMax}::int ${lock}
    ), due as materialized (
      select id, row_version from dirty union all select id, row_version from timed
    )`
}

export const lockDue: SQL = sql`for update skip locked`
export const noLock: SQL = sql``
