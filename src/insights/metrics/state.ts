// The gauges of what waits and what is running now.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { replaceGauges } from "../../metrics/store.ts"

const names = [
  "dormouse_provisioner_queue_depth",
  "dormouse_provisioner_queue_oldest_seconds",
  "dormouse_provisioner_jobs_running",
  "dormouse_provisioner_daemons_alive",
  "dormouse_lifecycle_due",
  "dormouse_lifecycle_overdue_seconds",
  "dormouse_workspaces",
  "dormouse_outbox_pending",
  "dormouse_outbox_oldest_seconds",
  "dormouse_metrics_last_updated_timestamp_seconds",
] as const

/** More due rows are shown as this many: beyond it the exact number does not matter. */
const dueCountMax = 100_000

/**
 * Tag sets come from templates, so there may be any number. Those that have waited longest are
 * shown.
 */
const tagSetCountMax = 200

/**
 * Reads the partial indexes of what is pending, due or unfinished, so the cost grows with what
 * waits. Counting the workspaces by state is the only pass over all of them.
 */
export function gaugeState(now: Date): Statement<{ written: number }> {
  return statement(
    "insights.gauge-state",
    sql`
    with queue as (
      select jsonb_build_object('organization_name', o.name, 'engine', coalesce(j.engine, ''),
        'tags',
          (select string_agg(t.key || '=' || t.value, ',' order by t.key)
            from jsonb_each_text(j.tags) t)) as labels, count(*) as depth,
        min(j.created_at) as oldest_at
      from provisioner_jobs j join organizations o on o.id = j.organization_id
      where j.started_at is null and j.completed_at is null group by 1 order by oldest_at
        limit ${tagSetCountMax}
    ), due as (
      select count(*) as depth, min(check_at) filter (where check_at > '-infinity') as oldest_at
      from (select check_at from workspaces where check_at <= ${now}::timestamptz
        order by check_at desc limit ${dueCountMax}) d
    ), outbox as (
      select count(*) as depth, min(created_at) as oldest_at from notification_messages
        where status = 'pending'
    ), gauges as (
      select 'dormouse_provisioner_queue_depth' as name, labels, depth::double precision as value
        from queue
      union all
      select 'dormouse_provisioner_queue_oldest_seconds', labels,
        greatest(extract(epoch from ${now}::timestamptz - oldest_at), 0) from queue
      union all
      select 'dormouse_provisioner_jobs_running', '{}', count(*) from provisioner_jobs
      where completed_at is null and started_at is not null
      union all
      select 'dormouse_provisioner_daemons_alive', jsonb_build_object('organization_name', o.name),
        count(d.id)
      from organizations o left join provisioner_daemons d
        on d.organization_id = o.id
          and d.last_seen_at >= ${now}::timestamptz - interval '90 seconds'
      where not o.deleted group by o.name
      union all
      select 'dormouse_lifecycle_due', '{}', depth from due
      union all
      select 'dormouse_lifecycle_overdue_seconds', '{}',
        coalesce(greatest(extract(epoch from ${now}::timestamptz - oldest_at), 0), 0) from due
      union all
      select 'dormouse_workspaces', jsonb_build_object('state', state), count(*) from (
        select case
            when dormant_at is not null and latest_transition <> 'start' then 'dormant'
            when latest_job_status is null then 'new'
            when latest_job_status in ('pending', 'running', 'canceling') then 'building'
            when latest_job_status <> 'succeeded' then latest_job_status
            when latest_transition = 'start' then 'running'
            else 'stopped' end as state
        from workspaces where not deleted
      ) w group by state
      union all
      select 'dormouse_outbox_pending', '{}', depth from outbox
      union all
      select 'dormouse_outbox_oldest_seconds', '{}',
        coalesce(greatest(extract(epoch from ${now}::timestamptz - oldest_at), 0), 0) from outbox
      union all
      select 'dormouse_metrics_last_updated_timestamp_seconds', '{}', extract(epoch
        from ${now}::timestamptz)
    ), ${replaceGauges(names, sql`gauges`, now)}
    select count(*) as written from put`,
  )
}
