// Gauges that are counted when the page is read: workspaces and agents by name, daemons, and zeros.
//
// They have a series per workspace, and storing them would rewrite each series every minute. A page
// that is read every 15 seconds at most costs one pass over the workspaces instead.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import type { StoredSample } from "../../metrics/render.ts"
import { aliveSince } from "../../queue/matching.ts"

/** The most series of one family, so that the page fits into memory in a fleet of any size. */
const seriesMax = 20_000

/** Counters of pools. They begin at 0 for each pool, since a rate needs a first value. */
const poolCounters = sql`(values
  ('coderd_prebuilt_workspaces_created_total'), ('coderd_prebuilt_workspaces_failed_total'),
  ('coderd_prebuilt_workspaces_claimed_total'), ('coderd_prebuilt_workspaces_missed_total'),
  ('coderd_prebuilt_workspaces_resource_replacements_total')) as c(name)`

export function readLiveSamples(now: Date): Statement<StoredSample> {
  return statement(
    "metrics.live",
    sql`
    with latest as (
      select w.id, w.name as workspace_name, u.username, t.name as template_name,
        v.name as template_version, b.id as build_id, b.transition, w.latest_job_status as status
      from workspaces w
      join workspace_builds b on b.id = w.latest_build_id
      join template_versions v on v.id = b.template_version_id
      join templates t on t.id = w.template_id
      join users u on u.id = w.owner_id
      where not w.deleted
    ), agents as (
      select l.workspace_name, l.username, l.template_name, l.template_version,
        a.name as agent_name, a.lifecycle_state, agent_status(a, ${now}::timestamptz) as status
      from latest l join workspace_agents a on a.build_id = l.build_id and not a.deleted
    ), samples as (
      (select 'coderd_workspace_latest_build_status' as name, jsonb_build_object(
          'status', status, 'template_name', template_name, 'template_version', template_version,
          'workspace_owner', username, 'workspace_transition', transition) as labels,
        count(*)::double precision as value
      from latest group by 2 limit ${seriesMax})
      union all
      select 'coderd_api_workspace_latest_build', jsonb_build_object('status', status), count(*)
      from latest group by status
      union all
      (select 'coderd_agents_up', jsonb_build_object('template_name', template_name,
          'template_version', template_version, 'username', username,
          'workspace_name', workspace_name), count(*) filter (where status = 'connected')
      from agents group by 2 limit ${seriesMax})
      union all
      (select 'coderd_agents_connections', jsonb_build_object('agent_name', agent_name,
          'username', username, 'workspace_name', workspace_name, 'status', status,
          'lifecycle_state', lifecycle_state, 'tailnet_node', ''), count(*)
      from agents group by 2 limit ${seriesMax})
      union all
      select 'coderd_provisionerd_num_daemons', '{}', count(*)
      from provisioner_daemons d where d.last_seen_at >= ${aliveSince(now)}::timestamptz
      union all
      select 'coderd_provisionerd_jobs_current', jsonb_build_object('provisioner', j.provisioner),
        count(*)
      from provisioner_jobs j
      where j.completed_at is null and j.started_at is not null group by j.provisioner
      union all
      select distinct c.name, l.labels, 0
      from template_version_presets p
      join templates t on t.active_version_id = p.template_version_id and not t.deleted
      join organizations o on o.id = t.organization_id
      cross join lateral (select jsonb_build_object('template_name', t.name,
        'preset_name', p.name, 'organization_name', o.name) as labels) l
      cross join ${poolCounters}
      where p.desired_instances is not null
        and not exists (select from metrics m where m.name = c.name and m.labels = l.labels)
    )
    select name, labels, value from samples`,
  )
}
