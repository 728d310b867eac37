// Keeps each template's build times and number of owners, so that reading a template computes
// nothing.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { rollupLagMs } from "../../metrics/rollup-span.ts"

/** The number of newest builds whose duration counts. */
const buildCount = 100

/**
 * Refreshes all templates the first time, then those that had a build begin or end since the last
 * run. Looks back a little further, since a row may be committed after its instant; refreshing
 * twice is harmless.
 *
 * The median and the 95th percentile are discrete, of the newest hundred builds that succeeded.
 * They are null for a transition without a build and for a time of 0.
 *
 * The versions' newest builds come in the order of `workspace_builds_version`, whose nulls are
 * last, and their jobs one by one. Without `offset 0` the planner joins each version's builds to
 * all jobs: 14 s instead of half a second for 120,000 builds of 50 versions. Owners come from
 * `workspaces_template`.
 *
 * Two runs at once write the same values; the mark's row makes the second wait.
 */
export function refreshTemplates(now: Date): Statement<{ refreshed: number }> {
  return statement(
    "insights.refresh-templates",
    sql`
    with held as (
      select through_at from rollup_marks where name = 'templates' for update
    ), reach as (
      select coalesce((select through_at from held),
        '-infinity') - make_interval(secs => ${rollupLagMs / 1000}) as from_at
    ), moved as (
      insert into rollup_marks (name, through_at) values ('templates', ${now}::timestamptz)
      on conflict (name) do update
        set through_at = greatest(rollup_marks.through_at, excluded.through_at)
    ), touched as (
      select t.id from reach r, templates t where r.from_at = '-infinity'
      union
      select w.template_id
      from reach r, provisioner_jobs j join workspace_builds b on b.job_id = j.id
        join workspaces w on w.id = b.workspace_id
      where r.from_at > '-infinity' and j.type = 'workspace_build'
        and (j.created_at > r.from_at or j.completed_at > r.from_at)
    ), times as (
      select t.id, jsonb_build_object('start', times.start, 'stop', times.stop, 'delete',
        times.delete) as stats
      from touched t, lateral (
        select ${percentiles("start")} as start, ${percentiles("stop")} as stop,
          ${percentiles("delete")} as delete
        from (
          select b.transition, extract(epoch from b.completed_at - b.started_at) as seconds
          from template_versions v, lateral (
            select b.transition, b.created_at, j.started_at, j.completed_at
            from workspace_builds b, lateral (
              select j.started_at, j.completed_at from provisioner_jobs j
              where j.id = b.job_id and j.completed_at is not null and j.started_at is not null
                and j.canceled_at is null and coalesce(j.error, '') = ''
              offset 0
            ) j
            where b.template_version_id = v.id
            order by b.created_at desc nulls last limit ${buildCount}
          ) b
          where v.template_id = t.id order by b.created_at desc limit ${buildCount}
        ) newest
      ) times
    ), owners as (
      select w.template_id, count(*) as count
      from (select distinct template_id, owner_id from workspaces where not deleted
        and template_id in (select id from touched)) w
      group by w.template_id
    ), refreshed as (
      update templates t set build_time_stats = times.stats,
        active_user_count = coalesce(owners.count, 0)
      from times left join owners on owners.template_id = times.id
      where t.id = times.id
        and (t.build_time_stats is distinct from times.stats or t.active_user_count is distinct
          from coalesce(owners.count, 0))
      returning t.id
    )
    select count(*) as refreshed from refreshed`,
  )
}

function percentiles(transition: "start" | "stop" | "delete") {
  // Cut to whole milliseconds: a cast would round.
  const percentile = (fraction: number) =>
    sql`trunc(nullif(greatest(
      percentile_disc(${fraction}::double precision) within group (order by seconds)
      filter (where transition = ${transition}), 0), 0) * 1000)::bigint`
  return sql`jsonb_build_object('P50', ${percentile(0.5)}, 'P95', ${percentile(0.95)})`
}
