// Writes samples of the metrics page: gauges are replaced, counters grow.
import { sql, type SQL } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { json, texts } from "../platform/db/sql.ts"
import { bucketBounds, type MetricName } from "./catalogue.ts"

export type Sample = { name: MetricName; labels: Record<string, string>; value: number }

/** One observation of a histogram, in seconds. */
export type Observation = {
  family: keyof typeof bucketBounds
  labels: Record<string, string>
  seconds: number
}

/**
 * The CTEs `gone` and `put`, which make the named gauges equal to the relation (name, labels,
 * value). Samples that the relation lacks are removed. An unchanged value is written again, so that
 * `updated_at` is the time of the last measurement.
 */
export function replaceGauges(names: readonly MetricName[], from: SQL, now: Date): SQL {
  return sql`gone as (
      delete from metrics m where m.name = any (${texts(names)})
        and not exists (select from ${from} g where g.name = m.name and g.labels = m.labels)
    ), put as (
      insert into metrics (name, labels, value, updated_at)
      select name, labels, value, ${now}::timestamptz from ${from} g where value is not null
      on conflict (name, labels) do update
        set value = excluded.value, updated_at = excluded.updated_at
      returning name
    )`
}

/** Adds a relation (name, labels, value) to the counters. */
export function addCounters(from: SQL, now: Date): SQL {
  return sql`insert into metrics (name, labels, value, updated_at)
    select name, labels, value, ${now}::timestamptz from ${from} c
    on conflict (name, labels) do update set value = metrics.value + excluded.value,
      updated_at = excluded.updated_at
    returning name`
}

/**
 * The samples of histograms from a relation of observations (family, labels, seconds): one row per
 * bucket, the sum and the count. Every bucket appears, an empty one as 0, since clients cannot read
 * a histogram with gaps.
 */
export function histogramSamples(observations: SQL): SQL {
  const bounds: { family: string; le: string; bound: number | null }[] = []
  for (const [family, values] of Object.entries(bucketBounds)) {
    for (const bound of values) bounds.push({ family, le: String(bound), bound })
    bounds.push({ family, le: "+Inf", bound: null })
  }
  return sql`
    select o.family || '_bucket' as name, o.labels || jsonb_build_object('le', b.le) as labels,
      (count(*) filter (where b.bound is null or o.seconds <= b.bound))::double precision as value
    from ${observations} o
      join jsonb_to_recordset(${json(bounds)}) as b(family text, le text,
      bound double precision) on b.family = o.family
    group by o.family, o.labels, b.le
    union all
    select o.family || '_sum', o.labels, sum(o.seconds)::double precision from ${observations} o
      group by o.family, o.labels
    union all
    select o.family || '_count', o.labels, count(*)::double precision from ${observations} o
      group by o.family, o.labels`
}

/**
 * Makes the named gauges equal to these samples, and adds these observations to their histograms.
 */
export function writeSamples(
  names: readonly MetricName[],
  gauges: readonly Sample[],
  observed: readonly Observation[],
  now: Date,
): Statement<{ written: number }> {
  return statement(
    "metrics.write",
    sql`
    with gauges as (
      select * from jsonb_to_recordset(${json(gauges)}) as g(name text, labels jsonb,
        value double precision)
    ), observed as (
      select * from jsonb_to_recordset(${json(observed)}) as o(family text, labels jsonb,
        seconds double precision)
    ), ${replaceGauges(names, sql`gauges`, now)}, samples as (${histogramSamples(sql`observed`)}),
    added as (${addCounters(sql`samples`, now)})
    select (select count(*) from put) + (select count(*) from added) as written`,
  )
}
