// Watching an agent's metadata and logs, over sockets and as event streams.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { feedName, publishAgent, publishWorkspaces } from "../../../src/platform/durable/publish.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, epoch, fetchWorker, query } from "../harness.ts"
import { openSocket } from "../open-socket.ts"
import { insertRow } from "../rows.ts"

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

const feedOf = (workspaceId: string) => env.WORKSPACE_FEED.getByName(feedName(workspaceId))

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
  test("sends all items at once and after each change, and nothing else", async () => {
    const { user, workspace, agent, path } = await given()
    const { frames, count } = await openSocket(path("watch-metadata-ws"), user.token)
    await count(1)
    await report(agent.token, "0.5")
    expect((await count(2))[1]).toMatchObject({
      type: "data",
      data: [{ result: { value: "0.5", error: "" }, description: { key: "load" } }],
    })
    // The same value again: a reading that sends nothing, before the next change is made.
    await report(agent.token, "0.5")
    await publishAgent(env, "agent-metadata", { agent_id: agent.id, workspace_id: workspace.id })
    await feedOf(workspace.id).settled()
    await report(agent.token, "0.6")
    expect((await count(3))[2]).toMatchObject({ data: [{ result: { value: "0.6" } }] })
    expect(frames).toHaveLength(3)
  })

  test("sends one frame after a burst of hints, with the last value", async () => {
    const { user, workspace, agent, path } = await given()
    const { frames, count } = await openSocket(path("watch-metadata-ws"), user.token)
    await count(1)
    await query("update workspace_agent_metadata set value = '8' where agent_id = $1", [agent.id])
    const changed = { agent_id: agent.id, workspace_id: workspace.id }
    await Promise.all(Array.from({ length: 8 }, () => publishAgent(env, "agent-metadata", changed)))
    await count(2)
    await feedOf(workspace.id).settled()
    await report(agent.token, "9")
    await count(3)
    expect(frames.slice(1)).toMatchObject([
      { data: [{ result: { value: "8" } }] },
      { data: [{ result: { value: "9" } }] },
    ])
  })

  test("closes with 1002 when the client sends a frame", async () => {
    const { user, path } = await given()
    const { socket, count, closed } = await openSocket(path("watch-metadata-ws"), user.token)
    await count(1)
    socket?.send("hello")
    expect((await closed())?.code).toBe(1002)
  })
})

describe("watch-metadata", () => {
  test("sends the same as events, after each change and regularly without one", async () => {
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
    await report(agent.token, "0.7")
    let count = 2
    while (!(await events(count))[count - 1]?.includes('"value":"0.7"')) count += 1
    // Nothing has changed since: the next event comes with the next beat.
    expect((await events(count + 1))[count]).toContain('"value":"0.7"')
    await reader.cancel()
  })
})

describe("a followed agent log", () => {
  test("sends an array at once, even an empty one, and one for each report", async () => {
    const { user, agent, path } = await given()
    const { frames, count } = await openSocket(path("logs?follow"), user.token)
    await count(1)
    expect(frames).toEqual([[]])
    await say(agent.token, "hello <world>")
    expect((await count(2))[1]).toMatchObject([{ output: "hello <world>", level: "info" }])
  })

  test("begins after the line that the client already has", async () => {
    const { user, agent, path } = await given()
    await say(agent.token, "one")
    await say(agent.token, "two")
    const { body } = await api(path("logs"), { token: user.token })
    const { count } = await openSocket(path(`logs?follow=true&after=${body[0].id}`), user.token)
    expect(await count(1)).toMatchObject([[{ output: "two" }]])
  })

  test("stays open while the workspace stops, and closes when the stop has ended", async () => {
    const { user, workspace, agent, path } = await given()
    const { frames, count, closed } = await openSocket(path("logs?follow"), user.token)
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
    expect((await closed())?.code).toBe(1000)
    expect(frames).toHaveLength(2)
  })

  test("sends the lines and closes when a newer build has replaced the agent", async () => {
    const { user, workspace, agent, path } = await given()
    await say(agent.token, "long ago")
    await givenBuild(workspace)
    const { frames, closed } = await openSocket(path("logs?follow"), user.token)
    expect((await closed())?.code).toBe(1000)
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

test("the review closes only watchers that may no longer read the workspace", async () => {
  const { workspace, agent, path, user } = await given()
  const admin = await givenUser({ roles: ["owner"] })
  const ending = await Promise.all([
    openSocket(path("watch-metadata-ws"), admin.token),
    openSocket(path("logs?follow"), admin.token),
  ])
  const stream = await fetchWorker(path("watch-metadata"), { token: admin.token })
  const staying = await openSocket(path("watch-metadata-ws"), user.token)
  await Promise.all([...ending, staying].map((watch) => watch.count(1)))
  await query("update users set site_roles = '{}' where id = $1", [admin.id])
  await runDurableObjectAlarm(feedOf(workspace.id))
  for (const watch of ending) expect((await watch.closed())?.code).toBe(1008)
  expect(await new Response(stream.body).text()).toMatch(/^event: data/)
  await report(agent.token, "0.9")
  expect((await staying.count(2))[1]).toMatchObject({ data: [{ result: { value: "0.9" } }] })
})

test("a stranger opens no stream", async () => {
  const { path } = await given()
  const stranger = await givenUser()
  for (const end of ["logs?follow", "watch-metadata-ws", "watch-metadata"]) {
    expect((await openSocket(path(end), stranger.token)).status).toBe(404)
  }
})
