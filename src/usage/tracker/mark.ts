// What is buffered until a flush: marks of use, bumps and statistics.

export const usageApps = ["vscode", "jetbrains", "reconnecting-pty", "ssh"] as const
export type UsageApp = (typeof usageApps)[number]

/** A workspace was used at an instant of the server's clock. */
export type Mark = {
  workspaceId: string
  seenAtMs: number
  /**
   * Moves the deadline, given the next autostart if its day is allowed. Null if it is use alone.
   */
  bump: { nextAutostartAtMs: number | null } | null
}

/** One row of `workspace_agent_stats`, named as its columns are. */
export type AgentStat = {
  created_at: string
  user_id: string
  workspace_id: string
  template_id: string
  agent_id: string
  connections_by_proto: Record<string, number>
  connection_count: number
  connection_median_latency_ms: number
  rx_packets: number
  rx_bytes: number
  tx_packets: number
  tx_bytes: number
  session_count_vscode: number
  session_count_jetbrains: number
  session_count_reconnecting_pty: number
  session_count_ssh: number
  usage: boolean
}

/** What the tracker must know of a workspace to take a ping without asking the database. */
export type UsageFacts = {
  ownerId: string
  templateId: string
  isPrebuild: boolean
  autostartSchedule: string | null
  autostartDays: number
  agentIds: string[]
}

/** The key of a ping and the workspace that it may mark as used. */
export type PermitKey = { keyId: string; keyHash: string; workspaceId: string }

/**
 * A cached authorization: the key may mark the workspace, as the database said at `checkedAtMs`.
 *
 * `ip` is the address of the ping that asked.
 */
export type Permit = PermitKey & { checkedAtMs: number; ip: string; facts: UsageFacts }

/** A usage ping. Has both `agentId` and `app`, or neither. */
export type Ping = PermitKey & {
  seenAtMs: number
  ip: string
  agentId: string | null
  app: UsageApp | null
}
