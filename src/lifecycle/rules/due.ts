// The workspaces that a tick looks at: those whose lower bound `check_at` has passed.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { type Columns, step, type Step } from "../../platform/db/steps.ts"

/** The most workspaces in one batch. It keeps row locks short and the Worker's memory flat. */
export const batchSizeMax = 1000
/**
 * The fewest: one that was marked dirty and one whose time has come. A size of 1 takes the
 * latter.
 */
export const batchSizeMin = 2

const setAsideMs = 15 * 60_000

/** Whether there is anything to do. This is the whole cost of a tick at which nothing is due. */
export function anyDue(now: Date): Statement<{ any_due: boolean }> {
  return statement(
    "lifecycle.any-due",
    sql`select exists (
      select from workspaces where check_at <= ${now}::timestamptz) as any_due`,
  )
}

/** The next batch as it will be taken, without locks. Index workspaces_check_at. */
export function dueSoon(now: Date, size: number): Step<never, Columns<"due", "id">> {
  return step(sql`dirty as materialized (
      select id from workspaces where check_at = '-infinity' order by id limit ${size}::int / 2
    ), due as materialized (
      select id from dirty
      union all
      (select id from workspaces where check_at > '-infinity' and check_at <= ${now}::timestamptz
        order by check_at, id limit ${size}::int - (select count(*) from dirty))
    )`)
}

export type Due = Columns<"due", "id" | "row_version">

/** The next batch, its rows locked until the statement ends. The function has the order. */
export function takeDue(now: Date, size: number): Step<never, Due> {
  return step(sql`due as materialized (
      select id, row_version from take_due(${now}::timestamptz, ${size}::int)
    )`)
}

/**
 * Postpones the next workspace by a quarter of an hour: one whose batch fails even on its own.
 *
 * One workspace that cannot be written must not hold up all the others. `dirty` is the next one
 * that was marked, `timed` the next one whose time has come.
 */
export function setAside(now: Date, kind: "dirty" | "timed"): Statement<{ id: string }> {
  const until = new Date(now.getTime() + setAsideMs)
  const isNext =
    kind === "dirty"
      ? sql`check_at = '-infinity' order by id`
      : sql`check_at > '-infinity' and check_at <= ${now}::timestamptz order by check_at, id`
  return statement(
    "lifecycle.set-aside",
    sql`update workspaces w set check_at = ${until}::timestamptz
    from (select id from workspaces where ${isNext} limit 1 for update skip locked) due
    where w.id = due.id returning w.id`,
  )
}
