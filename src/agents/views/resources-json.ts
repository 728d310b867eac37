// Resources with their agents, apps and scripts as one JSON value, so that the statement that reads
// a build can read them too.
//
// Soft-deleted agents are left out: builds other than the latest show none.
import { type SQL, sql } from "drizzle-orm"
import type { PgTable } from "drizzle-orm/pg-core"
import type { JsonOf, RowOf } from "../../platform/db/row.ts"
import type {
  workspaceAgentLogSources,
  workspaceAgents,
  workspaceAgentScripts,
  workspaceAgentScriptTimings,
  workspaceApps,
  workspaceAppStatuses,
  workspaceResourceMetadata,
  workspaceResources,
} from "../../platform/db/schema/agents.ts"

type Json<Table extends PgTable, Key extends keyof RowOf<Table>> = JsonOf<Pick<RowOf<Table>, Key>>

export type AppStatusJson = Json<
  typeof workspaceAppStatuses,
  "id" | "created_at" | "workspace_id" | "agent_id" | "app_id" | "state" | "message" | "uri"
>

export type AppJson = Json<
  typeof workspaceApps,
  | ("id" | "slug" | "url" | "external" | "display_name" | "command" | "icon" | "subdomain")
  | ("sharing_level" | "health" | "hidden" | "open_in" | "tooltip")
> & {
  healthcheck: { url: string; interval: number; threshold: number }
  group: string
  statuses: AppStatusJson[] | null
}

export type ScriptJson = Json<
  typeof workspaceAgentScripts,
  | ("id" | "log_source_id" | "log_path" | "script" | "cron" | "run_on_start" | "run_on_stop")
  | ("start_blocks_login" | "timeout_seconds" | "display_name")
> & {
  exit_code: number | null
  status: RowOf<typeof workspaceAgentScriptTimings>["status"] | null
}

export type LogSourceJson = Json<
  typeof workspaceAgentLogSources,
  "id" | "created_at" | "display_name" | "icon"
> & { workspace_agent_id: string }

export type AgentJson = Json<
  typeof workspaceAgents,
  | ("id" | "parent_id" | "created_at" | "updated_at" | "first_connected_at" | "last_connected_at")
  | ("disconnected_at" | "started_at" | "ready_at" | "lifecycle_state" | "name" | "resource_id")
  | ("architecture" | "environment_variables" | "operating_system" | "logs_length")
  | ("logs_overflowed" | "directory" | "expanded_directory" | "version" | "api_version")
  | ("connection_timeout_seconds" | "troubleshooting_url" | "subsystems" | "display_apps")
  | "display_order"
> & {
  status: "connecting" | "connected" | "disconnected" | "timeout"
  instance_id: string | null
  apps: AppJson[] | null
  scripts: ScriptJson[] | null
  log_sources: LogSourceJson[] | null
}

export type ResourceJson = Json<
  typeof workspaceResources,
  "id" | "created_at" | "job_id" | "type" | "name" | "hide" | "icon" | "daily_cost"
> & {
  workspace_transition: RowOf<typeof workspaceResources>["transition"]
  metadata: Pick<RowOf<typeof workspaceResourceMetadata>, "key" | "value" | "sensitive">[] | null
  agents: AgentJson[] | null
}

/**
 * All resources of a job as a JSON array, `[]` if it has none. Reads by `workspace_resources_job`
 * and by the keys below it.
 */
export function resourcesJson(jobId: SQL, now: Date): SQL {
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
        select json_agg(${agentJson("a", now)} order by a.display_order, a.name)
        from workspace_agents a where a.resource_id = r.id and not a.deleted))
      order by r.name, r.id), '[]')
    from workspace_resources r where r.job_id = ${jobId})`
}

/** The agent under the alias `alias` as JSON, without its token. */
export function agentJson(alias: string, now: Date): SQL {
  const a = sql.raw(alias)
  return sql`json_build_object(
    'id', ${a}.id, 'parent_id', ${a}.parent_id, 'created_at', ${a}.created_at,
    'updated_at', ${a}.updated_at, 'first_connected_at', ${a}.first_connected_at,
    'last_connected_at', ${a}.last_connected_at, 'disconnected_at', ${a}.disconnected_at,
    'started_at', ${a}.started_at, 'ready_at', ${a}.ready_at,
    'status', agent_status(${a}, ${now}::timestamptz),
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
