// The agent's socket: connected while it is open, lost when it closes, closed by a newer build.
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { afterEach, beforeEach, expect, test } from "vitest"
import { hubOf } from "../../../src/agents/hub/calls.ts"
import { publishBuildChange } from "../../../src/platform/durable/publish.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"
import { openSocket } from "../open-socket.ts"
import { until } from "../until.ts"

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build, {
    columns: { first_connected_at: null, last_connected_at: null, lifecycle_state: "ready" },
  })
  return { user, workspace, agent }
}

const passOn = neonConfig.fetchFunction as typeof fetch
beforeEach(() => at(epoch))
afterEach(() => {
  neonConfig.fetchFunction = passOn
})

const open = (workspace: { id: string }, token: string) =>
  openSocket(`/api/v2/workspaceagents/me/connect?workspace_id=${workspace.id}`, token)
const codesOf = (socket: { closes: { code: number }[] }) => socket.closes.map(({ code }) => code)

const statusOf = async (id: string, token: string) =>
  (await api(`/api/v2/workspaceagents/${id}`, { token })).body.status

test("an agent is connected while its silent socket is open, and lost when it closes", async () => {
  const { user, workspace, agent } = await given()
  const { status, socket, frames } = await open(workspace, agent.token)
  expect(status).toBe(101)
  socket!.send("ping")
  await until(() => frames.includes("pong"))
  at(afterEpoch(3_600_000))
  expect(await statusOf(agent.id, user.token)).toBe("connected")
  socket!.close(1000)
  await until(async () => (await statusOf(agent.id, user.token)) === "disconnected")
  const [row] = await query(
    "select first_connected_at, disconnected_at from workspace_agents where id = $1",
    [agent.id],
  )
  expect(new Date(row.first_connected_at)).toEqual(epoch)
  expect(new Date(row.disconnected_at)).toEqual(afterEpoch(3_600_000))
})

test("an agent that has connected again stays connected when its old socket closes", async () => {
  const { user, workspace, agent } = await given()
  const first = await open(workspace, agent.token)
  await open(workspace, agent.token)
  expect((await first.closed())?.code).toBe(4000)
  first.socket!.close()
  // The hub has handled the close once the old socket is no longer among its sockets.
  const hub = hubOf(env, workspace.id)
  const countOf = (state: DurableObjectState) => state.getWebSockets().length
  await until(async () => (await runInDurableObject(hub, (_, state) => countOf(state))) === 1)
  await runDurableObjectAlarm(hub)
  expect(await statusOf(agent.id, user.token)).toBe("connected")
})

test("the alarm writes a loss that could not be written", async () => {
  const { user, workspace, agent } = await given()
  const { socket } = await open(workspace, agent.token)
  let failures = 0
  neonConfig.fetchFunction = (...call: Parameters<typeof fetch>) => {
    const body = call[1]?.body
    if (typeof body !== "string" || !body.includes("set socket_open")) return passOn(...call)
    failures += 1
    return Promise.reject(new Error("connection refused"))
  }
  socket!.close(1000)
  await until(() => failures > 0)
  expect(await statusOf(agent.id, user.token)).toBe("connected")
  neonConfig.fetchFunction = passOn
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  await until(async () => (await statusOf(agent.id, user.token)) === "disconnected")
})

test("a start over a running build closes its agents' sockets at once", async () => {
  const { user, workspace, agent } = await given()
  const held = await open(workspace, agent.token)
  const body = { transition: "start" }
  const { status } = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
    token: user.token,
    body,
  })
  expect(status).toBe(201)
  expect((await held.closed())?.code).toBe(4001)
})

test("the alarm retries the review of a newer build when the database failed", async () => {
  const { workspace, agent } = await given()
  const line = await open(workspace, agent.token)
  await givenBuild(workspace)
  neonConfig.fetchFunction = () => Promise.reject(new TypeError("gone"))
  await publishBuildChange(env, workspace.id)
  expect(line.closes).toEqual([])
  expect(await runDurableObjectAlarm(hubOf(env, workspace.id))).toBe(true)
  expect(line.closes).toEqual([])
  neonConfig.fetchFunction = passOn
  expect(await runDurableObjectAlarm(hubOf(env, workspace.id))).toBe(true)
  await line.closed()
  expect(codesOf(line)).toEqual([4001])
})

test("a newer build closes its agents' sockets", async () => {
  const { workspace, agent } = await given()
  const held = await open(workspace, agent.token)
  await givenBuild(workspace)
  await publishBuildChange(env, workspace.id)
  expect((await held.closed())?.code).toBe(4001)
  expect(held.frames).toContainEqual({
    type: "reinit",
    workspace_id: workspace.id,
    reason: "build_changed",
  })
})
