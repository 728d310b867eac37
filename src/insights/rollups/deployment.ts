// Keeps the deployment's state and traffic as one document, so that every client's page reads one
// row.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"

const aggregatedMs = 15 * 60_000
const refreshMs = 60_000

export type DeploymentDocument = {
  aggregated_from_ms: number
  workspaces: {
    pending: number
    building: number
    running: number
    failed: number
    stopped: number
  }
  latency_ms: { P50: number; P95: number }
  rx_bytes: number
  tx_bytes: number
  session_count: { vscode: number; ssh: number; jetbrains: number; reconnecting_pty: number }
}

/**
 * Counts workspaces by the state of their latest build, traffic and latency of the last 15 minutes,
 * and sessions as each agent last reported them. Two runs at once write the same document; an
 * earlier run never overwrites a later one.
 */
export function refreshDeployment(now: Date): Statement<{ refreshed: number }> {
  const fromAt = new Date(now.getTime() - aggregatedMs)
  return statement(
    "insights.refresh-deployment",
    sql`
    with states as (
      select count(*) filter (where latest_job_status = 'pending') as pending,
        count(*) filter (where latest_job_status = 'running') as building,
        count(*) filter (where latest_job_status = 'succeeded'
          and latest_transition = 'start') as running,
        count(*) filter (where latest_job_status = 'failed') as failed,
        count(*) filter (where latest_job_status = 'succeeded'
          and latest_transition = 'stop') as stopped
      from workspaces where not deleted
    ), recent as (
      select * from workspace_agent_stats where created_at > ${fromAt}::timestamptz
        and created_at <= ${now}::timestamptz
    ), traffic as (
      select coalesce(sum(rx_bytes), 0) as rx, coalesce(sum(tx_bytes), 0) as tx,
        percentile_cont(0.5) within group (order by connection_median_latency_ms) filter (where
          connection_median_latency_ms > 0) as p50,
        percentile_cont(0.95) within group (order by connection_median_latency_ms) filter (where
          connection_median_latency_ms > 0) as p95
      from recent
    ), sessions as (
      select coalesce(sum(session_count_vscode), 0) as vscode,
        coalesce(sum(session_count_ssh), 0) as ssh,
        coalesce(sum(session_count_jetbrains), 0) as jetbrains,
        coalesce(sum(session_count_reconnecting_pty), 0) as reconnecting_pty
      from (select distinct on (agent_id) * from recent order by agent_id, created_at desc,
        id desc) newest
    ), written as (
      insert into rollup_marks as m (name, through_at, document)
      select 'deployment', ${now}::timestamptz, jsonb_build_object(
        'aggregated_from_ms', extract(epoch from ${fromAt}::timestamptz) * 1000,
        'workspaces', to_jsonb(states), 'latency_ms', jsonb_build_object('P50', coalesce(p50, -1),
          'P95', coalesce(p95, -1)),
        'rx_bytes', rx, 'tx_bytes', tx, 'session_count', to_jsonb(sessions))
      from states, traffic, sessions
      on conflict (name) do update set through_at = excluded.through_at,
        document = excluded.document
        where m.through_at < excluded.through_at
      returning name
    )
    select count(*) as refreshed from written`,
  )
}

export function readDeployment(): Statement<{ through_at: Date; document: DeploymentDocument }> {
  return statement(
    "insights.deployment",
    sql`select through_at, document from rollup_marks
      where name = 'deployment' and document is not null`,
  )
}

export const deploymentRefreshMs = refreshMs
