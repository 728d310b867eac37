// What counts as activity, and what it changes.
import { nextAutostart } from "../schedule/autostart.ts"
import type { AgentStat, Mark, UsageApp, UsageFacts } from "./tracker/mark.ts"

export type Report = {
  /** A usage ping; otherwise a report of the agent. */
  isUsage: boolean
  connectionCount: number
  sessionCount: number
  isPrebuild: boolean
}
export type Activity = { bumps: boolean; marksUsed: boolean; publishes: boolean }

/**
 * An agent's report counts by its connections, a ping by its sessions. A prebuild is marked as used
 * and never bumped.
 */
export function activityOf(report: Report): Activity {
  const isActive = report.isUsage ? report.sessionCount > 0 : report.connectionCount > 0
  return { bumps: isActive && !report.isPrebuild, marksUsed: isActive, publishes: isActive }
}

/**
 * A mark that bumps, with one step of the schedule. An autostart on a blocked day does not count.
 */
export function bumpingMark(workspaceId: string, facts: UsageFacts, seenAtMs: number): Mark {
  if (facts.isPrebuild) return { workspaceId, seenAtMs, bump: null }
  const next =
    facts.autostartSchedule === null
      ? null
      : nextAutostart(facts.autostartSchedule, new Date(seenAtMs), facts.autostartDays)
  return {
    workspaceId,
    seenAtMs,
    bump: { nextAutostartAtMs: next?.isAllowed ? next.at.getTime() : null },
  }
}

/** The statistics row of a ping with a body: one connection and one session of its application. */
export function pingStat(
  workspaceId: string,
  agentId: string,
  facts: UsageFacts,
  app: UsageApp,
  seenAtMs: number,
): AgentStat {
  return {
    created_at: new Date(seenAtMs).toISOString(),
    user_id: facts.ownerId,
    workspace_id: workspaceId,
    template_id: facts.templateId,
    agent_id: agentId,
    connections_by_proto: {},
    connection_count: 1,
    connection_median_latency_ms: -1,
    rx_packets: 0,
    rx_bytes: 0,
    tx_packets: 0,
    tx_bytes: 0,
    session_count_vscode: Number(app === "vscode"),
    session_count_jetbrains: Number(app === "jetbrains"),
    session_count_reconnecting_pty: Number(app === "reconnecting-pty"),
    session_count_ssh: Number(app === "ssh"),
    usage: true,
  }
}
