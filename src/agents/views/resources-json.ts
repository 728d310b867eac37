// Resources with their agents, apps and scripts as one JSON value, so that the statement that reads
// a build can read them too.
//
// Soft-deleted agents are left out: builds other than the latest show none.
import { type SQL, sql } from "drizzle-orm"
import type { LifecycleState } from "../reports/requests.ts"

export type AppStatusJson = {
  id: string
  created_at: string
  workspace_id: string
  agent_id: string
  app_id: string
  state: "working" | "idle" | "complete" | "failure"
  message: string
  uri: string
}

export type AppJson = {
  id: string
  slug: string
  url: string
  external: boolean
  display_name: string
  command: string
  icon: string
  subdomain: boolean
  sharing_level: "owner" | "authenticated" | "organization" | "public"
  healthcheck: { url: string; interval: number; threshold: number }
  health: "disabled" | "initializing" | "healthy" | "unhealthy"
  group: string
  hidden: boolean
  open_in: "slim-window" | "tab"
  tooltip: string
  statuses: AppStatusJson[] | null
}

export type ScriptJson = {
  id: string
  log_source_id: string
  log_path: string
  script: string
  cron: string
  run_on_start: boolean
  run_on_stop: boolean
  start_blocks_login: boolean
  timeout_seconds: number
  display_name: string
  exit_code: number | null
  status: "ok" | "exit_failure" | "timed_out" | "pipes_left_open" | null
}

export type LogSourceJson = {
  workspace_agent_id: string
  id: string
  created_at: string
  display_name: string
  icon: string
}

export type AgentJson = {
  id: string
  parent_id: string | null
  created_at: string
  updated_at: string
  first_connected_at: string | null
  last_connected_at: string | null
  disconnected_at: string | null
  started_at: string | null
  ready_at: string | null
  socket_open: boolean
  lifecycle_state: LifecycleState
  name: string
  resource_id: string
  instance_id: string | null
  architecture: string
  environment_variables: Record<string, string> | null
  operating_system: string
  logs_length: number
  logs_overflowed: boolean
  directory: string
  expanded_directory: string
  version: string
  api_version: string
  connection_timeout_seconds: number
  troubleshooting_url: string
  subsystems: string[]
  display_apps: string[]
  display_order: number
  apps: AppJson[] | null
  scripts: ScriptJson[] | null
  log_sources: LogSourceJson[] | null
}

export type ResourceJson = {
  id: string
  created_at: string
  job_id: string
  workspace_transition: "start" | "stop" | "delete"
  type: string
  name: string
  hide: boolean
  icon: string
  daily_cost: number
  metadata: { key: string; value: string; sensitive: boolean }[] | null
  agents: AgentJson[] | null
}

/**
 * All resources of a job as a JSON array, `[]` if it has none. Reads by `workspace_resources_job`
 * and by the keys below it.
 */
export function resourcesJson(jobId: SQL): SQL {
  return sql`(
    select coalesce(json_agg(json_build_object(
      'id', r.id, 'created_at', r.created_at, 'job_id', r.job_id,
      'workspace_transition', r.transition, 'type', r.type, 'name', r.name, 'hide', r.hide,
      'icon', r.icon, 'daily_cost', r.daily_cost,
      'metadata', (
        select json_agg(json_build_object('key', m.key, 'value', m.value,
          'sensitive', m.sensitive) order by m.position)
        from workspace_resource_metadata m where m.resource_id = r.id),
      'agents', (
        select json_agg(${agentJson("a")} order by a.display_order, a.name)
        from workspace_agents a where a.resource_id = r.id and not a.deleted))
      order by r.name, r.id), '[]')
    from workspace_resources r where r.job_id = ${jobId})`
}

/** The agent under the alias `alias` as JSON, without its token. */
export function agentJson(alias: string): SQL {
  const a = sql.raw(alias)
  return sql`json_build_object(
    'id', ${a}.id, 'parent_id', ${a}.parent_id, 'created_at', ${a}.created_at,
    'updated_at', ${a}.updated_at, 'first_connected_at', ${a}.first_connected_at,
    'last_connected_at', ${a}.last_connected_at, 'disconnected_at', ${a}.disconnected_at,
    'started_at', ${a}.started_at, 'ready_at', ${a}.ready_at, 'socket_open', ${a}.socket_open,
    'lifecycle_state', ${a}.lifecycle_state, 'name', ${a}.name, 'resource_id', ${a}.resource_id,
    'instance_id', ${a}.auth_instance_id, 'architecture', ${a}.architecture,
    'environment_variables', ${a}.environment_variables,
    'operating_system', ${a}.operating_system, 'logs_length', ${a}.logs_length,
    'logs_overflowed', ${a}.logs_overflowed, 'directory', ${a}.directory,
    'expanded_directory', ${a}.expanded_directory, 'version', ${a}.version,
    'api_version', ${a}.api_version,
    'connection_timeout_seconds', ${a}.connection_timeout_seconds,
    'troubleshooting_url', ${a}.troubleshooting_url, 'subsystems', ${a}.subsystems,
    'display_apps', ${a}.display_apps, 'display_order', ${a}.display_order,
    'apps', ${appsJson(sql`${a}.id`)}, 'scripts', ${scriptsJson(sql`${a}.id`)},
    'log_sources', (
      select json_agg(json_build_object('workspace_agent_id', s.agent_id, 'id', s.id,
        'created_at', s.created_at, 'display_name', s.display_name, 'icon', s.icon)
        order by s.created_at, s.id)
      from workspace_agent_log_sources s where s.agent_id = ${a}.id))`
}

/** The agent's apps as a JSON array, or null. */
export function appsJson(agentId: SQL): SQL {
  return sql`(
    select json_agg(json_build_object(
      'id', p.id, 'slug', p.slug, 'url', p.url, 'external', p.external,
      'display_name', p.display_name, 'command', p.command, 'icon', p.icon,
      'subdomain', p.subdomain, 'sharing_level', p.sharing_level,
      'healthcheck', json_build_object('url', p.healthcheck_url,
        'interval', p.healthcheck_interval_seconds, 'threshold', p.healthcheck_threshold),
      'health', p.health, 'group', p.display_group, 'hidden', p.hidden, 'open_in', p.open_in,
      'tooltip', p.tooltip,
      'statuses', (
        select json_agg(${appStatusJson("t")} order by t.created_at desc)
        from workspace_app_statuses t where t.app_id = p.id)) order by p.display_order, p.slug)
    from workspace_apps p where p.agent_id = ${agentId})`
}

export function appStatusJson(alias: string): SQL {
  const t = sql.raw(alias)
  return sql`json_build_object('id', ${t}.id, 'created_at', ${t}.created_at,
    'workspace_id', ${t}.workspace_id, 'agent_id', ${t}.agent_id, 'app_id', ${t}.app_id,
    'state', ${t}.state, 'message', ${t}.message, 'uri', ${t}.uri)`
}

/** The agent's scripts, each with its last result, as a JSON array, or null. */
export function scriptsJson(agentId: SQL): SQL {
  return sql`(
    select json_agg(json_build_object(
      'id', c.id, 'log_source_id', c.log_source_id, 'log_path', c.log_path, 'script', c.script,
      'cron', c.cron, 'run_on_start', c.run_on_start, 'run_on_stop', c.run_on_stop,
      'start_blocks_login', c.start_blocks_login, 'timeout_seconds', c.timeout_seconds,
      'display_name', c.display_name, 'exit_code', l.exit_code, 'status', l.status)
      order by c.display_name, c.id)
    from workspace_agent_scripts c
    left join lateral (
      select g.exit_code, g.status from workspace_agent_script_timings g
      where g.script_id = c.id order by g.id desc limit 1) l on true
    where c.agent_id = ${agentId})`
}
