// Which workspaces a tick looks at: those whose lower bound has come.
import { sql, type SQL } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"

/** The most workspaces in one batch: row locks stay short and the Worker's memory flat. */
export const batchSizeMax = 1000
/** The fewest: one that was marked and one whose time has come. */
export const batchSizeMin = 2

const setAsideMs = 15 * 60_000

/** Whether there is anything to do at all: the whole cost of a tick at which nothing is due. */
export function anyDue(now: Date): Statement<{ any_due: boolean }> {
  return statement(
    "lifecycle.any-due",
    sql`select exists (select from workspaces where check_at <= ${now}::timestamptz) as any_due`,
  )
}

/** The CTE `due` (id) as the next batch will take it, without locks. Index workspaces_check_at. */
export function dueSoon(now: Date, size: number): SQL {
  return sql`dirty as materialized (
      select id from workspaces where check_at = '-infinity' order by id limit ${size}::int / 2
    ), due as materialized (
      select id from dirty
      union all
      (select id from workspaces where check_at > '-infinity' and check_at <= ${now}::timestamptz
        order by check_at, id limit ${size}::int - (select count(*) from dirty))
    )`
}

/** The CTE `due` (id, row_version), rows locked until the statement ends; see the function for its order. */
export function takeDue(now: Date, size: number): SQL {
  return sql`due as materialized (select id, row_version from take_due(${now}::timestamptz, ${size}::int))`
}

/**
 * Puts the next workspaces of this size off by a quarter of an hour: those whose batch fails even when it is the smallest, so that
 * one that cannot be written does not hold up all the others.
 */
export function setAside(now: Date, size: number): Statement<{ id: string }> {
  const until = new Date(now.getTime() + setAsideMs)
  return statement(
    "lifecycle.set-aside",
    sql`with ${takeDue(now, size)}
    update workspaces w set check_at = ${until}::timestamptz from due where w.id = due.id returning w.id`,
  )
}
