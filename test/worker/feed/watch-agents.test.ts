// Watching what agents tell: their metadata and their logs, over sockets and as event streams, until the right to it ends.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, describe, expect, test } from "vitest"
import { feedName, publishWorkspaces } from "../../../src/platform/durable/publish.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, epoch, fetchWorker, query } from "../harness.ts"
import { insertRow } from "../rows.ts"

/** What a change may take to be seen, and the machine's own share. */
const withinMs = 2_000

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build, {
    columns: { lifecycle_state: "ready" },
  })
  await insertRow("workspace_agent_metadata", { agent_id: agent.id, key: "load" })
  const path = (end: string) => `/api/v2/workspaceagents/${agent.id}/${end}`
  return { user, workspace, agent, path }
}

const opened: WebSocket[] = []
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close()
})

async function open(path: string, token: string) {
  const response = await fetchWorker(path, { token, headers: { Upgrade: "websocket" } })
  expect(response.status).toBe(101)
  const socket = response.webSocket!
  const frames: unknown[] = []
  const closed = Promise.withResolvers<{ code: number; reason: string }>()
  socket.addEventListener("message", (event) => {
    frames.push(JSON.parse(String(event.data)))
  })
  socket.addEventListener("close", ({ code, reason }) => closed.resolve({ code, reason }))
  socket.accept()
  opened.push(socket)
  const count = async (wanted: number) => {
    for (let wait = 0; frames.length < wanted && wait < 100; wait++) await scheduler.wait(25)
    return frames
  }
  return { socket, frames, closed: closed.promise, count }
}

const report = (token: string, value: string) =>
  api("/api/v2/workspaceagents/me/metadata", {
    token,
    body: { metadata: [{ key: "load", value, error: "" }] },
  })

const say = (token: string, output: string) =>
  api("/api/v2/workspaceagents/me/logs", {
    method: "PATCH",
    token,
    body: {
      log_source_id: crypto.randomUUID(),
      logs: [{ created_at: epoch.toISOString(), output, level: "info" }],
    },
  })

describe("watch-metadata-ws", () => {
  test("all items at once and within two seconds of a change, and nothing else", async () => {
    const { user, agent, path } = await given()
    const { frames, count } = await open(path("watch-metadata-ws"), user.token)
    await count(1)
    const reportedAtMs = Date.now()
    await report(agent.token, "0.5")
    expect((await count(2))[1]).toMatchObject({
      type: "data",
      data: [{ result: { value: "0.5", error: "" }, description: { key: "load" } }],
    })
    expect(Date.now() - reportedAtMs).toBeLessThan(withinMs)
    await report(agent.token, "0.5")
    await scheduler.wait(1_300)
    expect(frames).toHaveLength(2)
  })

  test("a burst of reports is one frame a second, the last one in it", async () => {
    const { user, agent, path } = await given()
    const { frames, count } = await open(path("watch-metadata-ws"), user.token)
    await count(1)
    for (let step = 1; step <= 8; step++) await report(agent.token, String(step))
    for (let wait = 0; wait < 80; wait++) {
      if (JSON.stringify(frames.at(-1)).includes('"value":"8"')) break
      await scheduler.wait(25)
    }
    expect(frames.at(-1)).toMatchObject({ data: [{ result: { value: "8" } }] })
    expect(frames.length).toBeLessThanOrEqual(4)
  })

  test("whoever speaks is closed with 1002", async () => {
    const { user, path } = await given()
    const { socket, count, closed } = await open(path("watch-metadata-ws"), user.token)
    await count(1)
    socket.send("hello")
    expect((await closed).code).toBe(1002)
  })
})

describe("watch-metadata", () => {
  test("the fallback shows the same as events, each change within two seconds, and ages without one", async () => {
    const { user, agent, path } = await given()
    const response = await fetchWorker(path("watch-metadata"), { token: user.token })
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      200,
      "text/event-stream",
    ])
    expect(response.headers.get("X-Accel-Buffering")).toBe("no")
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    const events = async (wanted: number) => {
      while (text.split("\n\n").length <= wanted) text += (await reader.read()).value ?? ""
      return text.split("\n\n")
    }
    const [first] = await events(1)
    expect(first!.split("\n")[0]).toBe("event: data")
    expect(JSON.parse(first!.split("\n")[1]!.slice("data: ".length))).toMatchObject([
      { result: { value: "" }, description: { key: "load" } },
    ])
    const reportedAtMs = Date.now()
    await report(agent.token, "0.7")
    expect((await events(2))[1]).toContain('"value":"0.7"')
    expect(Date.now() - reportedAtMs).toBeLessThan(withinMs)
    // Nothing changes: the next one comes by itself.
    expect((await events(3))[2]).toContain('"value":"0.7"')
    await reader.cancel()
  })
})

describe("the log of an agent, followed", () => {
  test("an array at once, though empty, and one for each report", async () => {
    const { user, agent, path } = await given()
    const { frames, count } = await open(path("logs?follow"), user.token)
    await count(1)
    expect(frames).toEqual([[]])
    await say(agent.token, "hello <world>")
    expect((await count(2))[1]).toMatchObject([{ output: "hello <world>", level: "info" }])
  })

  test("begins after the line that is known already", async () => {
    const { user, agent, path } = await given()
    await say(agent.token, "one")
    await say(agent.token, "two")
    const { body } = await api(path("logs"), { token: user.token })
    const { count } = await open(path(`logs?follow=true&after=${body[0].id}`), user.token)
    expect(await count(1)).toMatchObject([[{ output: "two" }]])
  })

  test("goes on while the workspace is stopped, and ends when the stop is done", async () => {
    const { user, workspace, agent, path } = await given()
    const { frames, count, closed } = await open(path("logs?follow"), user.token)
    await count(1)
    const stop = await givenBuild(workspace, { transition: "stop", status: "running" })
    await publishWorkspaces(env, [workspace.id])
    await say(agent.token, "shutting down")
    expect((await count(2))[1]).toMatchObject([{ output: "shutting down" }])
    await query(
      `update provisioner_jobs set completed_at = $2, updated_at = $2
       where id = (select job_id from workspace_builds where id = $1)`,
      [stop.id, epoch],
    )
    await publishWorkspaces(env, [workspace.id])
    expect((await closed).code).toBe(1000)
    expect(frames).toHaveLength(2)
  })

  test("of an agent that a newer build has replaced: what it said, then the end", async () => {
    const { user, workspace, agent, path } = await given()
    await say(agent.token, "long ago")
    await givenBuild(workspace)
    const { frames, closed } = await open(path("logs?follow"), user.token)
    expect((await closed).code).toBe(1000)
    expect(frames).toMatchObject([[{ output: "long ago" }]])
  })

  test.each([
    ["follow&format=text", 400],
    ["format=yaml", 400],
    ["after=x", 400],
    ["follow", 426],
  ])("logs?%s without a socket is answered with %i", async (search, status) => {
    const { user, path } = await given()
    const answer = await api(path(`logs?${search}`), { token: user.token })
    expect([answer.status, typeof answer.body.message]).toEqual([status, "string"])
  })
})

test("who may no longer read the workspace is closed at the next review, the others go on", async () => {
  const { workspace, agent, path, user } = await given()
  const admin = await givenUser({ roles: ["owner"] })
  const ending = await Promise.all([
    open(path("watch-metadata-ws"), admin.token),
    open(path("logs?follow"), admin.token),
  ])
  const stream = await fetchWorker(path("watch-metadata"), { token: admin.token })
  const staying = await open(path("watch-metadata-ws"), user.token)
  await Promise.all([...ending, staying].map((watch) => watch.count(1)))
  await query("update users set site_roles = '{}' where id = $1", [admin.id])
  await runDurableObjectAlarm(env.WORKSPACE_FEED.getByName(feedName(workspace.id)))
  for (const watch of ending) expect((await watch.closed).code).toBe(1008)
  expect(await new Response(stream.body).text()).toMatch(/^event: data/)
  await report(agent.token, "0.9")
  expect((await staying.count(2))[1]).toMatchObject({ data: [{ result: { value: "0.9" } }] })
})

test("a stranger opens no stream", async () => {
  const { path } = await given()
  const stranger = await givenUser()
  for (const end of ["logs?follow", "watch-metadata-ws", "watch-metadata"]) {
    const headers = { Upgrade: "websocket" }
    expect((await fetchWorker(path(end), { token: stranger.token, headers })).status).toBe(404)
  }
})
