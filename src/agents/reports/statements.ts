// An agent's reports: startup, lifecycle, metadata, apps and scripts. One statement for each.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { instants, texts, uuids } from "../../platform/db/sql.ts"
import { actorAgentId, actorWorkspaceId } from "../actor.ts"
import type { RowOf } from "../../platform/db/row.ts"
import type {
  workspaceAgentMetadata,
  workspaceAgents,
  workspaceApps,
} from "../../platform/db/schema/agents.ts"
import type { MetadataResult } from "./requests.ts"
import { factsJson } from "../../usage/facts-json.ts"
import type { UsageFacts } from "../../usage/tracker/mark.ts"

export function recordStartup(
  report: { version: string; expandedDirectory: string; subsystems: string[] },
  now: Date,
): Statement<{ id: string }> {
  return statement(
    "agents.startup",
    sql`
    update workspace_agents set version = ${report.version},
      expanded_directory = ${report.expandedDirectory},
      subsystems = ${texts(report.subsystems)}, updated_at = ${now}
    where id = ${actorAgentId} returning id`,
  )
}

/**
 * Accepts states in any order. `starting` sets `started_at` and clears `ready_at`, the three ends
 * of starting set `ready_at`, and other states change neither.
 */
export function recordLifecycle(
  state: RowOf<typeof workspaceAgents>["lifecycle_state"],
  changedAt: Date,
  now: Date,
): Statement<{ id: string }> {
  const at = sql`${changedAt}::timestamptz`
  const isStarting = state === "starting"
  const isStarted = state === "ready" || state === "start_timeout" || state === "start_error"
  const startedAt = isStarted ? sql`coalesce(started_at, ${at})` : sql`started_at`
  const readyAt = isStarted ? at : sql`ready_at`
  return statement(
    "agents.lifecycle",
    sql`
    update workspace_agents set lifecycle_state = ${state}, updated_at = ${now},
      started_at = ${isStarting ? at : startedAt}, ready_at = ${isStarting ? sql`null` : readyAt}
    where id = ${actorAgentId} returning id`,
  )
}

/** Ignores keys that the agent's template does not define. */
export function recordMetadata(
  results: readonly MetadataResult[],
  now: Date,
): Statement<{ key: string }> {
  return statement(
    "agents.metadata",
    sql`
    update workspace_agent_metadata m
    set value = r.value, error = r.error, collected_at = r.collected_at
    from (
      select distinct on (key) * from unnest(
        ${texts(results.map((one) => one.key))}, ${texts(results.map((one) => one.value))},
        ${texts(results.map((one) => one.error))},
        ${instants(results.map(() => now))}) as t(key, value, error, collected_at)
      order by key) r
    where m.agent_id = ${actorAgentId} and m.key = r.key returning m.key`,
  )
}

type Metadata = RowOf<typeof workspaceAgentMetadata>
export type MetadataRow = Omit<Metadata, "agent_id" | "display_order">

/** Reads the metadata of several agents, for their watchers. */
export function readMetadataOf(
  agentIds: readonly string[],
): Statement<Omit<Metadata, "display_order">> {
  return statement(
    "agents.read-metadata-of",
    sql`
    select agent_id, key, display_name, script, interval_seconds, timeout_seconds, value, error,
      collected_at
    from workspace_agent_metadata where agent_id = any (${uuids(agentIds)})
    order by agent_id, display_order, key`,
  )
}

/**
 * All or none: the whole report is refused if one app is unknown, belongs to another agent or has
 * no health check.
 */
export function recordAppHealth(
  healths: Record<string, RowOf<typeof workspaceApps>["health"]>,
): Statement<{ known: number }> {
  const ids = Object.keys(healths)
  return statement(
    "agents.app-health",
    sql`
    with asked as (
      select * from unnest(${uuids(ids)}, ${texts(ids.map((id) => healths[id] ?? ""))})
        as t(id, health)
    ), known as (
      select p.id, asked.health from asked join workspace_apps p on p.id = asked.id
      where p.agent_id = ${actorAgentId} and p.health <> 'disabled'
    ), changed as (
      update workspace_apps p set health = known.health from known
      where p.id = known.id and p.health <> known.health
        and (select count(*) from known) = (select count(*) from asked)
    )
    select count(*)::int as known from known`,
  )
}

type AppStatusReport = { slug: string; state: string; message: string; uri: string }

export function recordAppStatus(report: AppStatusReport, now: Date): Statement<{ id: string }> {
  return statement(
    "agents.app-status",
    sql`
    insert into workspace_app_statuses
      (id, workspace_id, agent_id, app_id, state, message, uri, created_at)
    select gen_random_uuid(), ${actorWorkspaceId}, p.agent_id, p.id, ${report.state},
      ${report.message}, ${report.uri}, ${now}::timestamptz
    from workspace_apps p where p.agent_id = ${actorAgentId} and p.slug = ${report.slug}
    returning id`,
  )
}

export type StatisticsContext = { workspace_id: string; agent_id: string; facts: UsageFacts }

/** Reads what a report of statistics needs of its workspace. */
export function statisticsContext(): Statement<StatisticsContext> {
  return statement(
    "agents.statistics-context",
    sql`
    select w.id as workspace_id, ${actorAgentId} as agent_id, ${factsJson} as facts
    from workspaces w join templates t on t.id = w.template_id where w.id = ${actorWorkspaceId}`,
  )
}

type ScriptTiming = {
  scriptId: string
  startedAt: Date
  endedAt: Date
  exitCode: number
  stage: string
  status: string
}

export function recordScriptTiming(timing: ScriptTiming): Statement<{ id: number }> {
  return statement(
    "agents.script-timing",
    sql`
    insert into workspace_agent_script_timings
      (script_id, started_at, ended_at, exit_code, stage, status)
    select s.id, ${timing.startedAt}::timestamptz, ${timing.endedAt}::timestamptz,
      ${timing.exitCode}::int, ${timing.stage}, ${timing.status}
    from workspace_agent_scripts s
    where s.id = ${timing.scriptId}::uuid and s.agent_id = ${actorAgentId}
    returning id`,
  )
}
