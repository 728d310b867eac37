// Counts the ledger's new ticks and shows the newest one.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { addCounters, replaceGauges } from "../../metrics/store.ts"
import { rollupLagMs, rollupSpan } from "../../metrics/rollup-span.ts"

/**
 * Actions by rule come from the ledger's counts, under the tick's own names; a bound that merely
 * moved is no action.
 */
export function countTicks(now: Date): Statement<{ written: number }> {
  return statement(
    "insights.count-ticks",
    sql`
    with ${rollupSpan("ticks", new Date(now.getTime() - rollupLagMs))}, ticks as (
      select t.* from span s, lifecycle_ticks t where t.tick_at > s.from_at and t.tick_at <= s.to_at
    ), samples as (
      select 'dormouse_lifecycle_ticks_total' as name, jsonb_build_object('source', source,
        'outcome', case when error is null then 'ok' else 'error' end) as labels,
        count(*)::double precision as value
      from ticks group by 2
      union all
      select 'dormouse_lifecycle_actions_total', jsonb_build_object('rule', c.key),
        sum(c.value::double precision)
      from ticks, jsonb_each_text(counts) c
      where c.key <> 'moved' and c.value ~ '^[0-9]+$' group by c.key
    ), added as (${addCounters(sql`samples`, now)}), newest as (
      select * from lifecycle_ticks order by tick_at desc nulls last limit 1
    ), gauges as (
      select g.name, '{}'::jsonb as labels, g.value from newest n, lateral (values
        ('dormouse_lifecycle_lag_seconds', n.lag_ms / 1000.0),
        ('dormouse_lifecycle_tick_duration_seconds', extract(epoch
          from n.finished_at - n.started_at)),
        ('dormouse_lifecycle_last_tick_timestamp_seconds', extract(epoch from n.tick_at))) g(name,
          value)
    ), ${replaceGauges(
      [
        "dormouse_lifecycle_lag_seconds",
        "dormouse_lifecycle_tick_duration_seconds",
        "dormouse_lifecycle_last_tick_timestamp_seconds",
      ],
      sql`gauges`,
      now,
    )}
    select (select count(*) from added) + (select count(*) from put) as written`,
  )
}
