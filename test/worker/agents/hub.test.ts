// The agent's socket: connected while it is open, lost when it closes, sent away by a newer build.
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { runDurableObjectAlarm } from "cloudflare:test"
import { afterEach, expect, test } from "vitest"
import { hubOf } from "../../../src/agents/hub/calls.ts"
import { publishBuildChange } from "../../../src/platform/durable/publish.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query } from "../harness.ts"
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
const opened: WebSocket[] = []
afterEach(() => {
  neonConfig.fetchFunction = passOn
  for (const socket of opened.splice(0)) socket.close()
})

async function open(path: string, token: string) {
  const response = await fetchWorker(path, { token, headers: { Upgrade: "websocket" } })
  const frames: unknown[] = []
  const closes: number[] = []
  const socket = response.webSocket
  if (!socket) return { status: response.status, frames, closes, socket: null }
  socket.accept()
  socket.addEventListener("message", (event) => {
    frames.push(event.data === "pong" ? "pong" : JSON.parse(String(event.data)))
  })
  socket.addEventListener("close", (event) => {
    closes.push(event.code)
  })
  opened.push(socket)
  return { status: response.status, frames, closes, socket }
}

const pathOf = (workspace: { id: string }) =>
  `/api/v2/workspaceagents/me/connect?workspace_id=${workspace.id}`

const statusOf = async (id: string, token: string) =>
  (await api(`/api/v2/workspaceagents/${id}`, { token })).body.status

test("an agent is connected while its socket is open, however long it says nothing, and lost when it closes", async () => {
  const { user, workspace, agent } = await given()
  const { status, socket, frames } = await open(pathOf(workspace), agent.token)
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

test("an agent that connects again is not lost with its old socket", async () => {
  at(epoch)
  const { user, workspace, agent } = await given()
  const first = await open(pathOf(workspace), agent.token)
  await open(pathOf(workspace), agent.token)
  await until(() => first.closes.includes(4000))
  first.socket!.close()
  await scheduler.wait(50)
  expect(await statusOf(agent.id, user.token)).toBe("connected")
})

test("a loss that could not be written is written by the alarm", async () => {
  at(epoch)
  const { user, workspace, agent } = await given()
  const { socket } = await open(pathOf(workspace), agent.token)
  neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
  socket!.close(1000)
  await scheduler.wait(100)
  neonConfig.fetchFunction = passOn
  expect(await statusOf(agent.id, user.token)).toBe("connected")
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await statusOf(agent.id, user.token)).toBe("disconnected")
})

test("a start over a running build sends its agents away at once", async () => {
  at(epoch)
  const { user, workspace, agent } = await given()
  const held = await open(pathOf(workspace), agent.token)
  const body = { transition: "start" }
  const { status } = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
    token: user.token,
    body,
  })
  expect(status).toBe(201)
  await until(() => held.closes.length > 0)
  expect(held.closes).toEqual([4001])
})

test("a newer build sends its agents away also where the database was gone when it came: the alarm asks again", async () => {
  const { workspace, agent } = await given()
  const line = await open(pathOf(workspace), agent.token)
  await givenBuild(workspace)
  neonConfig.fetchFunction = () => Promise.reject(new TypeError("gone"))
  await publishBuildChange(env, workspace.id)
  expect(line.closes).toEqual([])
  expect(await runDurableObjectAlarm(hubOf(env, workspace.id))).toBe(true)
  expect(line.closes).toEqual([])
  neonConfig.fetchFunction = passOn
  expect(await runDurableObjectAlarm(hubOf(env, workspace.id))).toBe(true)
  await until(() => line.closes.length === 1)
  expect(line.closes).toEqual([4001])
})

test("a newer build sends its agents away", async () => {
  at(epoch)
  const { workspace, agent } = await given()
  const held = await open(pathOf(workspace), agent.token)
  await givenBuild(workspace)
  await publishBuildChange(env, workspace.id)
  await until(() => held.closes.length > 0)
  expect(held.closes).toEqual([4001])
  expect(held.frames).toContainEqual({
    type: "reinit",
    workspace_id: workspace.id,
    reason: "build_changed",
  })
})
