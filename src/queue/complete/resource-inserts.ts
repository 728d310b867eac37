// Inserts what a job reported, as CTEs of the statement that completes it.
//
// That is its resources, agents, apps, scripts and metadata.
import { type SQL, sql } from "drizzle-orm"
import { json } from "../../platform/db/sql.ts"
import type { ResourceRows } from "./resource-rows.ts"

/**
 * CTEs over the CTE `target` (job_id, build_id, workspace_id), which has one row if the completion
 * holds and none otherwise. A table without rows gets no CTE, so that a stop or a delete is planned
 * quickly.
 *
 * `after` is SQL that the agents wait for: earlier agents must have left the unique index on tokens
 * before one that keeps its token enters it.
 */
export function resourceInserts(rows: ResourceRows, now: Date, after: SQL = sql`select 1`): SQL {
  const at = sql`${now}::timestamptz`
  const parts = [
    rows.resources.length > 0 && resourceInsert(rows.resources, at),
    rows.metadata.length > 0 && metadataInsert(rows.metadata),
    rows.agents.length > 0 && agentInsert(rows.agents, at, after),
    rows.apps.length > 0 && appInsert(rows.apps, at),
    rows.scripts.length > 0 && scriptInsert(rows.scripts, at),
    rows.agentMetadata.length > 0 && agentMetadataInsert(rows.agentMetadata),
  ].filter((part) => part !== false)
  return sql.join([...parts, sql`inserted as (select 1)`], sql`, `)
}

const resourceInsert = (resources: object[], at: SQL) => sql`new_resources as (
    insert into workspace_resources (id, job_id, transition, type, name, hide, icon, daily_cost,
      created_at)
    select r.id, t.job_id, r.transition, r.type, r.name, r.hide, r.icon, r.daily_cost, ${at}
    from target t, jsonb_to_recordset(${json(resources)})
      as r(id uuid, transition text, type text, name text, hide boolean, icon text, daily_cost int)
  )`

const metadataInsert = (metadata: object[]) => sql`new_metadata as (
    insert into workspace_resource_metadata (resource_id, position, key, value, sensitive)
    select m.* from target t, jsonb_to_recordset(${json(metadata)})
      as m(resource_id uuid, position int, key text, value text, sensitive boolean)
  )`

const agentInsert = (agents: object[], at: SQL, after: SQL) => sql`new_agents as (
    insert into workspace_agents (id, resource_id, workspace_id, build_id, name, display_order,
      hashed_token, encrypted_token,
      auth_instance_id, api_key_scope, architecture, operating_system, directory,
      environment_variables, display_apps, motd_file,
      troubleshooting_url, connection_timeout_seconds, created_at, updated_at)
    select a.id, a.resource_id, t.workspace_id, t.build_id, a.name, a.display_order,
      decode(a.hashed_token, 'hex'),
      a.encrypted_token, a.auth_instance_id, a.api_key_scope, a.architecture, a.operating_system,
      a.directory,
      a.environment_variables, a.display_apps, a.motd_file, a.troubleshooting_url,
      a.connection_timeout_seconds, ${at}, ${at}
    from target t cross join (${after}) waited, jsonb_to_recordset(${json(agents)})
      as a(id uuid, resource_id uuid, name text, display_order int, hashed_token text,
        encrypted_token text,
        auth_instance_id text, api_key_scope text, architecture text, operating_system text,
        directory text,
        environment_variables jsonb, display_apps text[], motd_file text, troubleshooting_url text,
        connection_timeout_seconds int)
  )`

const appInsert = (apps: object[], at: SQL) => sql`new_apps as (
    insert into workspace_apps (id, agent_id, slug, display_name, icon, command, url, external,
      subdomain, sharing_level,
      healthcheck_url, healthcheck_interval_seconds, healthcheck_threshold, health, display_order,
      display_group, hidden,
      open_in, tooltip, created_at)
    select p.*, ${at}
    from target t, jsonb_to_recordset(${json(apps)})
      as p(id uuid, agent_id uuid, slug text, display_name text, icon text, command text, url text,
        external boolean,
        subdomain boolean, sharing_level text, healthcheck_url text,
        healthcheck_interval_seconds int,
        healthcheck_threshold int, health text, display_order int, display_group text,
        hidden boolean, open_in text,
        tooltip text)
  )`

const scriptInsert = (scripts: object[], at: SQL) => sql`new_scripts as (
    insert into workspace_agent_scripts (id, agent_id, log_source_id, log_path, script, cron,
      run_on_start, run_on_stop,
      start_blocks_login, timeout_seconds, display_name, created_at)
    select s.id, s.agent_id, s.log_source_id, s.log_path, s.script, s.cron, s.run_on_start,
      s.run_on_stop,
      s.start_blocks_login, s.timeout_seconds, s.display_name, ${at}
    from target t, ${scriptRecords(scripts)}
  ), new_log_sources as (
    insert into workspace_agent_log_sources (agent_id, id, display_name, icon, created_at)
    select s.agent_id, s.log_source_id, s.display_name, s.icon, ${at}
    from target t, ${scriptRecords(scripts)}
  )`

const scriptRecords = (scripts: object[]) => sql`jsonb_to_recordset(${json(scripts)})
  as s(id uuid, agent_id uuid, log_source_id uuid, log_path text, script text, cron text,
    run_on_start boolean,
    run_on_stop boolean, start_blocks_login boolean, timeout_seconds int, display_name text,
    icon text)`

const agentMetadataInsert = (items: object[]) => sql`new_agent_metadata as (
    insert into workspace_agent_metadata (agent_id, key, display_name, script, display_order,
      interval_seconds, timeout_seconds)
    select m.* from target t, jsonb_to_recordset(${json(items)})
      as m(agent_id uuid, key text, display_name text, script text, display_order int,
        interval_seconds int,
        timeout_seconds int)
  )`
