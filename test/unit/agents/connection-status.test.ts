// An agent's connection, against the case group `agentConnectionStatus`.
import { describe, expect, test } from "vitest"
import { agentConnection, agentHealth } from "../../../src/agents/hub/connection-status.ts"
import cases from "../../cases/prebuilds.json" with { type: "json" }

const now = new Date("2024-01-01T12:00:00Z")
const ago = (seconds: number | null) =>
  seconds === null ? null : new Date(now.getTime() - seconds * 1_000)

describe("agentConnectionStatus", () => {
  test.each(cases.groups.agentConnectionStatus)("$name", (row) => {
    const agent = {
      createdAt: ago(row.createdSecondsAgo)!,
      connectionTimeoutSeconds: row.connectionTimeoutSeconds,
      firstConnectedAt: ago(row.firstConnectedSecondsAgo),
      lastConnectedAt: ago(row.lastConnectedSecondsAgo),
      disconnectedAt: ago(row.disconnectedSecondsAgo),
      socketOpen: false,
    }
    expect(agentConnection(agent, now).status).toBe(row.expected)
  })

  test("an agent stays connected while its socket is open and silent", () => {
    const agent = {
      createdAt: ago(9_000)!,
      connectionTimeoutSeconds: 1,
      firstConnectedAt: ago(8_000),
      lastConnectedAt: ago(8_000),
      disconnectedAt: null,
      socketOpen: true,
    }
    expect(agentConnection(agent, now).status).toBe("connected")
  })

  test.each([
    ["disconnected", "off", "agent is not running"],
    ["connecting", "created", "agent has not yet connected"],
    ["timeout", "created", "agent is taking too long to connect"],
    ["disconnected", "ready", "agent has lost connection"],
    ["connected", "start_error", "agent startup script exited with an error"],
    ["connected", "off", "agent is shutting down"],
    ["connected", "start_timeout", undefined],
  ] as const)("%s and %s: %s", (status, lifecycle, reason) => {
    expect(agentHealth(status, lifecycle).reason).toBe(reason)
  })
})
