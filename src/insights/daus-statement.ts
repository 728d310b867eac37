/** Daily active users: how many people used a workspace on each of the last days. */
import { type SQL, sql } from "drizzle-orm"
import { type Statement, statement } from "../db/client.ts"

/** Days in the answer, today included. */
export const DAY_COUNT = 61

export type DailyUsers = { date: string; amount: number }

/**
 * A row a day of the zone, zeros included, oldest first. Half hours shift to any whole-hour offset without error. Reads the
 * roll-up by its primary key's range of time. `within` limits it to templates (`u.template_id`) that the caller may see.
 */
export function readDailyUsers(within: SQL, offsetHours: number, now: Date): Statement<DailyUsers> {
  const offset = sql`make_interval(hours => ${offsetHours}::int)`
  return statement(
    "insights.daily-users",
    sql`
    with days as (
      select (date_trunc('day', (${now}::timestamptz at time zone 'UTC') + ${offset}) - make_interval(days => n))::date as day
      from generate_series(0, ${DAY_COUNT - 1}) n
    ), used as (
      select ((u.start_time at time zone 'UTC') + ${offset})::date as day, count(distinct u.user_id) as amount
      from template_usage_stats u
      where u.start_time >= ((select min(day) from days)::timestamp - ${offset}) at time zone 'UTC' and ${within}
      group by 1
    )
    select to_char(d.day, 'YYYY-MM-DD') as date, coalesce(u.amount, 0) as amount
    from days d left join used u using (day) order by d.day`,
  )
}
