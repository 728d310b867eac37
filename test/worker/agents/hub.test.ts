// The agent's socket and the streams of who watches it.
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { runDurableObjectAlarm } from "cloudflare:test"
import { afterEach, expect, test } from "vitest"
import { hubOf } from "../../../src/agents/tell.ts"
import { publishBuildChange } from "../../../src/http/publish.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query } from "../harness.ts"
import { insertRow } from "../rows.ts"

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
  socket.addEventListener("message", (event) =>
    frames.push(event.data === "pong" ? "pong" : JSON.parse(String(event.data))),
  )
  socket.addEventListener("close", (event) => closes.push(event.code))
  opened.push(socket)
  return { status: response.status, frames, closes, socket }
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await what()) return
    await scheduler.wait(10)
  }
  throw new Error("it never came")
}

const statusOf = async (id: string, token: string) =>
  (await api(`/api/v2/workspaceagents/${id}`, { token })).body.status

test("an agent is connected while its socket is open, however long it says nothing, and lost when it closes", async () => {
  const { user, agent } = await given()
  const { status, socket, frames } = await open("/api/v2/workspaceagents/me/connect", agent.token)
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
  const { user, agent } = await given()
  const first = await open("/api/v2/workspaceagents/me/connect", agent.token)
  await open("/api/v2/workspaceagents/me/connect", agent.token)
  await until(() => first.closes.includes(4000))
  first.socket!.close()
  await scheduler.wait(50)
  expect(await statusOf(agent.id, user.token)).toBe("connected")
})

test("a loss that could not be written is written by the alarm", async () => {
  at(epoch)
  const { user, workspace, agent } = await given()
  const { socket } = await open("/api/v2/workspaceagents/me/connect", agent.token)
  neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
  socket!.close(1000)
  await scheduler.wait(100)
  neonConfig.fetchFunction = passOn
  expect(await statusOf(agent.id, user.token)).toBe("connected")
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await statusOf(agent.id, user.token)).toBe("disconnected")
})

test("a newer build sends its agents away and ends the logs of who follows", async () => {
  at(epoch)
  const { user, workspace, agent } = await given()
  const held = await open("/api/v2/workspaceagents/me/connect", agent.token)
  const logs = await open(`/api/v2/workspaceagents/${agent.id}/logs?follow`, user.token)
  await givenBuild(workspace)
  await publishBuildChange(env, workspace.id)
  await until(() => held.closes.length > 0 && logs.closes.length > 0)
  expect(held.closes).toEqual([4001])
  expect(logs.closes).toEqual([1000])
  expect(held.frames).toContainEqual({ type: "reinit", workspace_id: workspace.id, reason: "build_changed" })
})

test("who follows logs gets an array at once and one for each report", async () => {
  at(epoch)
  const { user, agent } = await given()
  const logs = await open(`/api/v2/workspaceagents/${agent.id}/logs?follow`, user.token)
  await until(() => logs.frames.length === 1)
  expect(logs.frames).toEqual([[]])
  await api("/api/v2/workspaceagents/me/logs", {
    method: "PATCH",
    token: agent.token,
    body: {
      log_source_id: crypto.randomUUID(),
      logs: [{ created_at: epoch.toISOString(), output: "hello", level: "info" }],
    },
  })
  await until(() => logs.frames.length === 2)
  expect(logs.frames[1]).toMatchObject([{ output: "hello", level: "info" }])
})

test("who watches metadata gets a frame at once and on change; who speaks is sent away", async () => {
  at(epoch)
  const { user, agent } = await given()
  await insertRow("workspace_agent_metadata", { agent_id: agent.id, key: "load" })
  const watch = await open(`/api/v2/workspaceagents/${agent.id}/watch-metadata-ws`, user.token)
  await until(() => watch.frames.length === 1)
  const report = (value: string) =>
    api("/api/v2/workspaceagents/me/metadata", {
      token: agent.token,
      body: { metadata: [{ key: "load", value, error: "" }] },
    })
  await report("0.5")
  await until(() => watch.frames.length === 2)
  expect(watch.frames[1]).toMatchObject({
    type: "data",
    data: [{ result: { value: "0.5" }, description: { key: "load" } }],
  })
  watch.socket!.send("hello")
  await until(() => watch.closes.includes(1002))
})

test("a stranger opens no stream", async () => {
  const { agent } = await given()
  const stranger = await givenUser()
  for (const path of ["logs?follow", "watch-metadata-ws", "watch-metadata"]) {
    expect((await open(`/api/v2/workspaceagents/${agent.id}/${path}`, stranger.token)).status).toBe(404)
  }
})
