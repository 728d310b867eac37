// Whether an agent is connected, and whether it is healthy.

/** An agent without a socket is connected for this long after its last call. */
const inactiveAfterMs = 30_000

export type AgentConnection = {
  createdAt: Date
  connectionTimeoutSeconds: number
  firstConnectedAt: Date | null
  lastConnectedAt: Date | null
  disconnectedAt: Date | null
  socketOpen: boolean
}
export type AgentStatus = "connecting" | "connected" | "disconnected" | "timeout"

/**
 * Returns the status and the instant of the last disconnection.
 *
 * An agent is connected while its socket is open. One that fell silent was lost at its last call.
 */
export function agentConnection(
  agent: AgentConnection,
  now: Date,
): { status: AgentStatus; disconnectedAt: Date | null } {
  const { firstConnectedAt, lastConnectedAt, disconnectedAt } = agent
  if (agent.socketOpen) return { status: "connected", disconnectedAt }
  if (!firstConnectedAt || !lastConnectedAt) {
    const ageMs = now.getTime() - agent.createdAt.getTime()
    const hasTimedOut =
      agent.connectionTimeoutSeconds > 0 && ageMs > agent.connectionTimeoutSeconds * 1_000
    return { status: hasTimedOut ? "timeout" : "connecting", disconnectedAt }
  }
  if (disconnectedAt && disconnectedAt >= lastConnectedAt)
    return { status: "disconnected", disconnectedAt }
  if (now.getTime() - lastConnectedAt.getTime() > inactiveAfterMs)
    return { status: "disconnected", disconnectedAt: lastConnectedAt }
  return { status: "connected", disconnectedAt }
}

const shuttingDown = new Set(["shutting_down", "shutdown_timeout", "shutdown_error", "off"])

/** Reports the first reason that matches. A start that takes too long is still healthy. */
export function agentHealth(
  status: AgentStatus,
  lifecycle: string,
): { healthy: boolean; reason?: string } {
  const reason = unhealthyReason(status, lifecycle)
  return reason ? { healthy: false, reason } : { healthy: true }
}

function unhealthyReason(status: AgentStatus, lifecycle: string): string | null {
  if (status !== "connected" && lifecycle === "off") return "agent is not running"
  if (status === "connecting") return "agent has not yet connected"
  if (status === "timeout") return "agent is taking too long to connect"
  if (status === "disconnected") return "agent has lost connection"
  if (lifecycle === "start_error") return "agent startup script exited with an error"
  return shuttingDown.has(lifecycle) ? "agent is shutting down" : null
}
