// What people did with the templates in a window, from the half hours of the roll-up.
import { type SQL, sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { json, texts } from "../platform/db/sql.ts"
import { isWithinScope } from "./scope.ts"
import type { Window } from "./window.ts"

export type Scope = { window: Window; templateIds: readonly string[] }

/** The roll-up's rows of the request: a range of its primary key. */
function usageWithin({ window, templateIds }: Scope): SQL {
  return sql`select * from template_usage_stats u
    where u.start_time >= ${window.startAt}::timestamptz
      and u.start_time < ${window.endAt}::timestamptz
      and ${isWithinScope(sql`u.template_id`, templateIds)}`
}

export type AppUsage = {
  slug: string
  type: "builtin" | "app"
  display_name: string
  icon: string
  template_ids: string[]
  seconds: number
  times_used: number
}
export type UsageReport = { active_users: number; template_ids: string[]; apps: AppUsage[] }

const builtinColumns = {
  vscode: sql`vscode_seconds`,
  jetbrains: sql`jetbrains_seconds`,
  "reconnecting-pty": sql`reconnecting_pty_seconds`,
  ssh: sql`ssh_seconds`,
  sftp: sql`0`,
}

/**
 * Reads the use of applications. `times_used` counts the half hours in which a person used it.
 * Built-in applications are listed also when unused. Another application has the name and the icon
 * of a template's active version, both empty if no active version has it any longer.
 */
export function readUsageReport(scope: Scope): Statement<UsageReport> {
  const builtins = Object.entries(builtinColumns).map(
    ([slug, seconds]) =>
      sql`select ${slug}::text as slug, 'builtin' as type, template_id, ${seconds} as seconds
        from used`,
  )
  return statement(
    "insights.usage-report",
    sql`
    with used as materialized (${usageWithin(scope)}), parts as (
      ${sql.join(builtins, sql` union all `)}
      union all
      select slug, 'builtin', null::uuid, 0
        from unnest(${texts(Object.keys(builtinColumns))}) as b(slug)
      union all
      select a.key, 'app', template_id, a.value::int
        from used, jsonb_each_text(coalesce(app_seconds, '{}')) a
    ), apps as (
      select slug, type, coalesce(sum(seconds), 0) as seconds,
        count(*) filter (where seconds > 0) as times_used,
        coalesce(array_agg(distinct template_id) filter (where seconds > 0), '{}') as template_ids
      from parts group by slug, type
    )
    select (select count(distinct user_id) from used) as active_users,
      coalesce((select array_agg(distinct template_id) from used), '{}') as template_ids,
      coalesce((
        select jsonb_agg(to_jsonb(apps) || jsonb_build_object('display_name',
          coalesce(known.display_name, ''), 'icon', coalesce(known.icon, ''))
          order by type desc, slug)
        from apps left join lateral (
          select p.display_name, p.icon
          from templates t
          join template_versions v on v.id = t.active_version_id
          join workspace_resources r on r.job_id = v.job_id
          join workspace_agents g on g.resource_id = r.id
          join workspace_apps p on p.agent_id = g.id
          where apps.type = 'app' and t.id = any (apps.template_ids) and p.slug = apps.slug
          order by t.id, p.id limit 1
        ) known on true), '[]') as apps`,
  )
}

export type ParameterUsage = {
  template_ids: string[]
  name: string
  display_name: string
  type: string
  description: string
  options: { name: string; value: string; description: string; icon: string }[]
  values: { value: string; count: number }[]
}

/**
 * Counts the values of the parameters of workspaces whose latest build is in the window. Parameters
 * that differ in kind are listed apart.
 */
export function readParameterUsage({ window, templateIds }: Scope): Statement<ParameterUsage> {
  return statement(
    "insights.parameter-usage",
    sql`
    with chosen as (
      select w.template_id, d.name, d.display_name, d.type, d.description, d.options, p.value
      from workspaces w
      join workspace_builds b on b.id = w.latest_build_id
      join workspace_build_parameters p on p.workspace_build_id = b.id
      join template_version_parameters d on d.template_version_id = b.template_version_id
        and d.name = p.name
      where b.created_at >= ${window.startAt}::timestamptz
        and b.created_at < ${window.endAt}::timestamptz
        and w.owner_id <> prebuilds_user_id() and ${isWithinScope(sql`w.template_id`, templateIds)}
    ), counted as (
      select name, display_name, type, description, options, value, count(*) as count,
        array_agg(distinct template_id) as template_ids
      from chosen group by 1, 2, 3, 4, 5, 6
    )
    select name, display_name, type, description, options,
      (select array_agg(distinct t.id) from counted o, unnest(o.template_ids) as t(id)
        where (o.name, o.display_name, o.type, o.description, o.options) = (c.name, c.display_name,
          c.type, c.description, c.options)) as template_ids,
      jsonb_agg(jsonb_build_object('value', value, 'count', count)
        order by count desc, value) as values
    from counted c group by name, display_name, type, description, options order by name`,
  )
}

export type IntervalUsage = { position: number; active_users: number; template_ids: string[] }

/** Counts people per interval in one pass over the roll-up; an interval without use has no row. */
export function readIntervals(
  scope: Scope,
  intervals: readonly Window[],
): Statement<IntervalUsage> {
  const rows = intervals.map(({ startAt, endAt }, position) => ({
    position,
    start_at: startAt,
    end_at: endAt,
  }))
  return statement(
    "insights.intervals",
    sql`
    with used as (${usageWithin(scope)})
    select i.position, count(distinct u.user_id) as active_users,
      array_agg(distinct u.template_id) as template_ids
    from jsonb_to_recordset(${json(rows)}) as i(position int, start_at timestamptz,
      end_at timestamptz)
    join used u on u.start_time >= i.start_at and u.start_time < i.end_at
    group by i.position order by i.position`,
  )
}

export type PersonUsage = {
  user_id: string
  username: string
  avatar_url: string
  template_ids: string[]
  seconds: number
  latency_p50: number | null
  latency_p95: number | null
}

/** Reads each person's use and latency, by name. */
export function readPeople(scope: Scope): Statement<PersonUsage> {
  return statement(
    "insights.people",
    sql`
    with used as (${usageWithin(scope)})
    select p.id as user_id, p.username, p.avatar_url,
      array_agg(distinct u.template_id) as template_ids, sum(u.usage_seconds) as seconds,
      percentile_cont(0.5) within group (order by u.median_latency_ms) as latency_p50,
      percentile_cont(0.95) within group (order by u.median_latency_ms) as latency_p95
    from used u join users p on p.id = u.user_id
    group by p.id order by p.username`,
  )
}

/**
 * Counts people by status at each of the instants. Sums the changes up to each instant, so it reads
 * the changes once for any number of instants.
 */
export function readStatusCounts(
  instants: readonly Date[],
): Statement<{ position: number; status: string; count: number }> {
  const rows = instants.map((at, position) => ({ position, at }))
  return statement(
    "insights.status-counts",
    sql`
    with changes as (
      select changed_at, new_status, lag(new_status) over (partition by user_id
        order by changed_at, id) as old_status
      from user_status_changes
    ), steps as (
      select changed_at, new_status as status, 1 as step from changes
      union all
      select changed_at, old_status, -1 from changes where old_status is not null
    ), statuses as (
      select * from (values ('active'), ('dormant'), ('suspended')) s(status)
    )
    select i.position, s.status, coalesce((select sum(c.step) from steps c where c.status = s.status
      and c.changed_at <= i.at), 0) as count
    from jsonb_to_recordset(${json(rows)}) as i(position int, at timestamptz), statuses s
    order by s.status, i.position`,
  )
}
