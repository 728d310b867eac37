// The deployment at a glance: who may see it, from when, and what it counts.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, epoch, query, tick } from "../harness.ts"
import { insertRow } from "../rows.ts"

const minuteMs = 60_000

test("deployment stats need a roll-up and the permission, and count all workspaces", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const member = await givenUser()
  await query("delete from rollup_marks where name = 'deployment'")
  expect(await api("/api/v2/deployment/stats", { token: owner.token })).toMatchObject({
    status: 400,
    body: { message: "Deployment stats are still processing!" },
  })
  const template = await givenTemplate(owner)
  await givenWorkspace(owner, template, { build: { status: "failed" } })
  const agentId = crypto.randomUUID()
  for (const minute of [-2, -1]) {
    await insertRow("workspace_agent_stats", {
      created_at: afterEpoch(minute * minuteMs),
      user_id: owner.id,
      workspace_id: agentId,
      template_id: template.id,
      agent_id: agentId,
      connection_count: 1,
      session_count_ssh: 1,
      connection_median_latency_ms: 20,
      rx_bytes: 10,
      tx_bytes: 5,
    })
  }
  await tick(epoch)
  const { status, body } = await api("/api/v2/deployment/stats", { token: owner.token })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    aggregated_from: "2026-03-04T08:45:00Z",
    collected_at: "2026-03-04T09:00:00Z",
    next_update_at: "2026-03-04T09:01:00Z",
    session_count: { vscode: 0, ssh: 1, jetbrains: 0, reconnecting_pty: 0 },
  })
  expect(body.workspaces).toMatchObject({
    failed: 1,
    rx_bytes: 20,
    tx_bytes: 10,
    connection_latency_ms: { P50: 20, P95: 20 },
  })
  expect((await api("/api/v2/deployment/stats", { token: member.token })).status).toBe(403)
})
