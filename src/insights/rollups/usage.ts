// Rolls statistics of agents and applications up to half hours of use, which every insight reads.
//
// A row is the use of one person and one template.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { rollupLagMs, rollupSpan } from "../../metrics/rollup-span.ts"

const minuteMs = 60_000

/**
 * Adds the whole minutes since the last run.
 *
 * A minute counts once for a person and a template, for any number of machines and applications. So
 * seconds add up across runs. A session's end is exclusive: a session of one minute counts one. A
 * half hour's latency is the mean of its runs' medians.
 *
 * Reads `workspace_agent_stats_created` and `workspace_app_stats_started`. Safe beside itself: the
 * span is taken once.
 */
export function rollUpUsage(now: Date): Statement<{ written: number }> {
  const throughAt = new Date(Math.floor((now.getTime() - rollupLagMs) / minuteMs) * minuteMs)
  return statement(
    "insights.roll-up-usage",
    sql`
    with ${rollupSpan("usage", throughAt)}, agent_minutes as (
      select date_trunc('minute', a.created_at) as minute, a.template_id, a.user_id,
        bool_or(a.session_count_vscode > 0) as vscode,
        bool_or(a.session_count_jetbrains > 0) as jetbrains,
        bool_or(a.session_count_reconnecting_pty > 0) as reconnecting_pty,
        bool_or(a.session_count_ssh > 0) as ssh
      from span s, workspace_agent_stats a
      where a.created_at >= s.from_at and a.created_at < s.to_at
        and a.user_id <> prebuilds_user_id()
        and (a.connection_count > 0 or a.session_count_vscode > 0 or a.session_count_jetbrains > 0
          or a.session_count_reconnecting_pty > 0 or a.session_count_ssh > 0)
      group by 1, 2, 3
    ), app_minutes as (
      select distinct m.minute, w.template_id, a.user_id, a.slug_or_port as slug
      from span s, workspace_app_stats a join workspaces w on w.id = a.workspace_id,
        generate_series(date_trunc('minute', greatest(a.session_started_at, s.from_at)),
          least(greatest(a.session_ended_at - interval '1 microsecond', a.session_started_at),
            s.to_at - interval '1 minute'),
          interval '1 minute') as m(minute)
      where a.session_started_at >= s.from_at - interval '7 days' and a.session_started_at < s.to_at
        and a.session_ended_at >= s.from_at
    ), minutes as (
      select date_bin('30 minutes', minute, 'epoch') as start_time, minute, template_id, user_id,
        bool_or(vscode) as vscode, bool_or(jetbrains) as jetbrains,
        bool_or(reconnecting_pty) as reconnecting_pty, bool_or(ssh) as ssh
      from (
        select minute, template_id, user_id, vscode, jetbrains, reconnecting_pty, ssh
          from agent_minutes
        union all
        select minute, template_id, user_id, false, false, false, false from app_minutes
      ) u
      group by 1, 2, 3, 4
    ), apps as (
      select start_time, template_id, user_id, jsonb_object_agg(slug, seconds) as app_seconds
      from (
        select date_bin('30 minutes', minute, 'epoch') as start_time, template_id, user_id, slug,
          count(*) * 60 as seconds
        from app_minutes group by 1, 2, 3, 4
      ) a
      group by 1, 2, 3
    ), latencies as (
      select date_bin('30 minutes', a.created_at, 'epoch') as start_time, a.template_id, a.user_id,
        percentile_disc(0.5) within group (order by a.connection_median_latency_ms) as latency_ms
      from span s, workspace_agent_stats a
      where a.created_at >= s.from_at and a.created_at < s.to_at
        and a.connection_median_latency_ms > 0
      group by 1, 2, 3
    ), rolled as (
      select m.start_time, m.template_id, m.user_id, count(*) * 60 as usage,
        count(*) filter (where vscode) * 60 as vscode,
        count(*) filter (where jetbrains) * 60 as jetbrains,
        count(*) filter (where reconnecting_pty) * 60 as reconnecting_pty,
        count(*) filter (where ssh) * 60 as ssh
      from minutes m group by 1, 2, 3
    ), written as (
      insert into template_usage_stats as u (start_time, template_id, user_id, usage_seconds,
        vscode_seconds, jetbrains_seconds,
        reconnecting_pty_seconds, ssh_seconds, app_seconds, median_latency_ms)
      select r.start_time, r.template_id, r.user_id, r.usage, r.vscode, r.jetbrains,
        r.reconnecting_pty, r.ssh, a.app_seconds, l.latency_ms
      from rolled r
      join templates t on t.id = r.template_id
      join users p on p.id = r.user_id
      left join apps a using (start_time, template_id, user_id)
      left join latencies l using (start_time, template_id, user_id)
      on conflict (start_time, template_id, user_id) do update set
        usage_seconds = u.usage_seconds + excluded.usage_seconds,
        vscode_seconds = u.vscode_seconds + excluded.vscode_seconds,
        jetbrains_seconds = u.jetbrains_seconds + excluded.jetbrains_seconds,
        reconnecting_pty_seconds = u.reconnecting_pty_seconds + excluded.reconnecting_pty_seconds,
        ssh_seconds = u.ssh_seconds + excluded.ssh_seconds,
        app_seconds = case
          when u.app_seconds is null
            or excluded.app_seconds is null then coalesce(u.app_seconds, excluded.app_seconds)
          else (select jsonb_object_agg(e.key, e.seconds) from (
            select key, sum(value::int) as seconds
            from (select * from jsonb_each_text(u.app_seconds) union all select *
              from jsonb_each_text(excluded.app_seconds)) b
            group by key) e) end,
        median_latency_ms = case
          when u.median_latency_ms is null or excluded.median_latency_ms is null
          then coalesce(u.median_latency_ms, excluded.median_latency_ms)
          else (u.median_latency_ms + excluded.median_latency_ms) / 2 end
      returning user_id
    )
    select count(*) as written from written`,
  )
}
