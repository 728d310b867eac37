// An agent's report of statistics, and the row that is stored of it.
import type { AgentStat, UsageFacts } from "../../usage/tracker/mark.ts"
import type { StatsRequest } from "./requests.ts"

/** An empty report has no traffic and no connections: the agent only wants the interval. */
export function isEmptyReport(report: StatsRequest): boolean {
  const { connection_count, rx_packets, rx_bytes, tx_packets, tx_bytes } = report
  return (
    Object.keys(report.connections_by_proto ?? {}).length === 0 &&
    connection_count + rx_packets + rx_bytes + tx_packets + tx_bytes === 0
  )
}

/** Session counts stay zero: usage pings supply them, and one session must not count twice. */
export function toAgentStat(
  report: StatsRequest,
  of: { workspaceId: string; agentId: string; facts: UsageFacts },
  now: Date,
): AgentStat {
  return {
    created_at: now.toISOString(),
    user_id: of.facts.ownerId,
    workspace_id: of.workspaceId,
    template_id: of.facts.templateId,
    agent_id: of.agentId,
    connections_by_proto: report.connections_by_proto ?? {},
    connection_count: report.connection_count,
    connection_median_latency_ms: Math.round(report.connection_median_latency_ms),
    rx_packets: report.rx_packets,
    rx_bytes: report.rx_bytes,
    tx_packets: report.tx_packets,
    tx_bytes: report.tx_bytes,
    session_count_vscode: 0,
    session_count_jetbrains: 0,
    session_count_reconnecting_pty: 0,
    session_count_ssh: 0,
    usage: false,
  }
}
