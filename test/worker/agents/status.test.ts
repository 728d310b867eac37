// An agent's status as the database computes it, against the case group `agentConnectionStatus`.
import { expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { afterEpoch, epoch, query } from "../harness.ts"

const ago = (seconds: number | null) => (seconds === null ? null : afterEpoch(-seconds * 1_000))

async function statusOf(agent: Record<string, unknown>): Promise<string> {
  const [row] = await query<{ status: string }>(
    "select agent_status(jsonb_populate_record(null::workspace_agents, $1), $2) as status",
    [JSON.stringify({ socket_open: false, ...agent }), epoch],
  )
  return row!.status
}

test.each(cases.groups.agentConnectionStatus)("$name", async (row) => {
  const agent = {
    created_at: ago(row.createdSecondsAgo),
    connection_timeout_seconds: row.connectionTimeoutSeconds,
    first_connected_at: ago(row.firstConnectedSecondsAgo),
    last_connected_at: ago(row.lastConnectedSecondsAgo),
    disconnected_at: ago(row.disconnectedSecondsAgo),
  }
  expect(await statusOf(agent)).toBe(row.expected)
})

test("an agent stays connected while its socket is open and silent", async () => {
  const agent = {
    created_at: ago(9_000),
    connection_timeout_seconds: 1,
    first_connected_at: ago(8_000),
    last_connected_at: ago(8_000),
    socket_open: true,
  }
  expect(await statusOf(agent)).toBe("connected")
})
