// Reading builds over HTTP: lists, parts, state, logs at once and followed.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { feedName } from "../../../src/platform/durable/publish.ts"
import { givenOrganization, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query } from "../harness.ts"

beforeEach(() => at(epoch))

async function given() {
  const organization = await givenOrganization()
  const user = await givenUser({ organization })
  const stranger = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template)
  return { organization, user, stranger, template, workspace }
}

const log = (jobId: string, output: string, at = epoch) =>
  query(
    "insert into provisioner_job_logs (job_id, created_at, source, level, stage, output) values ($1, $2, 'provisioner', 'info', 'Start', $3) returning id::int",
    [jobId, at, output],
  )

test("the builds of a workspace, newest first, by page", async () => {
  const { user, stranger, workspace } = await given()
  const second = await givenBuild(workspace, { transition: "stop", at: afterEpoch(1_000) })
  const third = await givenBuild(workspace, { at: afterEpoch(2_000) })
  const list = async (search: string) =>
    (
      await api(`/api/v2/workspaces/${workspace.id}/builds${search}`, { token: user.token })
    ).body.map((build: { id: string }) => build.id)
  expect(await list("")).toEqual([third.id, second.id, workspace.build.id])
  expect(await list("?limit=1&offset=1")).toEqual([second.id])
  expect(await list(`?after_id=${third.id}`)).toEqual([second.id, workspace.build.id])
  expect(await list(`?since=${afterEpoch(1_000).toISOString()}`)).toEqual([third.id])
  const bad = await api(`/api/v2/workspaces/${workspace.id}/builds?since=yesterday`, {
    token: user.token,
  })
  expect(bad.status).toBe(400)
  expect(
    (
      await api(`/api/v2/workspaces/${workspace.id}/builds?after_id=${crypto.randomUUID()}`, {
        token: user.token,
      })
    ).status,
  ).toBe(400)
  expect(
    (await api(`/api/v2/workspaces/${workspace.id}/builds`, { token: stranger.token })).status,
  ).toBe(404)
})

test("resources, agents and parameters of a build; timings", async () => {
  const { user, workspace, stranger } = await given()
  const agent = await givenAgent(workspace, workspace.build)
  await query("insert into workspace_build_parameters values ($1, 'region', 'eu')", [
    workspace.build.id,
  ])
  await query(
    "insert into provisioner_job_timings (job_id, started_at, ended_at, stage) values ($1, $2, $3, 'plan')",
    [workspace.build.jobId, epoch, afterEpoch(1_500)],
  )
  const path = `/api/v2/workspacebuilds/${workspace.build.id}`
  const get = (end: string, token = user.token) => api(path + end, { token })
  expect((await get("/parameters")).body).toEqual([{ name: "region", value: "eu" }])
  const { body: resources } = await get("/resources")
  expect(resources).toMatchObject([
    { type: "compute", agents: [{ id: agent.id, status: "connected", health: { healthy: true } }] },
  ])
  expect((await get("")).body.resources).toEqual(resources)
  expect((await get("/timings")).body).toMatchObject({
    provisioner_timings: [{ stage: "plan", started_at: "2024-03-12T12:00:00Z" }].map(
      ({ stage }) => ({
        stage,
      }),
    ),
    agent_script_timings: [],
    agent_connection_timings: [{ stage: "connect", workspace_agent_name: "main" }],
  })
  for (const end of ["", "/parameters", "/resources", "/timings", "/logs", "/state"]) {
    expect((await get(end, stranger.token)).status).toBe(404)
  }
  const waiting = await givenBuild(workspace, { status: "pending" })
  expect(
    (await api(`/api/v2/workspacebuilds/${waiting.id}/resources`, { token: user.token })).status,
  ).toBe(400)
})

test("the state is for those who may update the template", async () => {
  const { user, workspace, organization } = await given()
  const admin = await givenUser({ organization, roles: ["template-admin"] })
  const path = `/api/v2/workspacebuilds/${workspace.build.id}/state`
  expect((await api(path, { token: user.token })).status).toBe(404)
  const put = { method: "PUT", body: { state: btoa("new state") } }
  expect((await api(path, { ...put, token: user.token })).status).toBe(403)
  expect((await api(path, { ...put, token: admin.token })).status).toBe(204)
  expect((await api(path, { token: admin.token })).text).toBe("new state")
})

test("a state of 5 MiB is kept whole, a byte more is refused on every way in", async () => {
  const { workspace } = await given()
  const admin = await givenUser({ roles: ["owner"] })
  const path = `/api/v2/workspacebuilds/${workspace.build.id}/state`
  const most = 5 * 1024 * 1024
  const state = (bytes: number) => Buffer.alloc(bytes, "s").toString("base64")
  expect(
    (await api(path, { method: "PUT", token: admin.token, body: { state: state(most) } })).status,
  ).toBe(204)
  const refused = {
    status: 400,
    body: { validations: [{ field: "state", detail: `A state is at most ${most} bytes.` }] },
  }
  for (const bytes of [most + 1, most + 3]) {
    expect(
      await api(path, { method: "PUT", token: admin.token, body: { state: state(bytes) } }),
    ).toMatchObject(refused)
  }
  const asked = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
    method: "POST",
    token: admin.token,
    body: { transition: "start", state: state(most + 1) },
  })
  expect(asked).toMatchObject(refused)
  expect((await api(path, { token: admin.token })).text).toHaveLength(most)
})

describe("logs", () => {
  test("at once: after a line, as JSON and as text", async () => {
    const { user, workspace } = await given()
    const [first] = await log(workspace.build.jobId, "one")
    await log(workspace.build.jobId, "two <b>")
    const path = `/api/v2/workspacebuilds/${workspace.build.id}/logs`
    const all = await api(path, { token: user.token })
    expect(all.body).toMatchObject([
      { output: "one", log_source: "provisioner", log_level: "info", stage: "Start" },
      { output: "two <b>" },
    ])
    expect((await api(`${path}?after=${first.id}`, { token: user.token })).body).toHaveLength(1)
    expect((await api(`${path}?format=text`, { token: user.token })).text).toContain(
      "[info] [provisioner|Start] one\n",
    )
    expect((await api(`${path}?format=text&follow`, { token: user.token })).status).toBe(400)
    expect((await api(`${path}?after=x`, { token: user.token })).status).toBe(400)
  })

  test("followed: history first, then new lines, closed when the job ends", async () => {
    const { user, workspace } = await given()
    const build = await givenBuild(workspace, { transition: "stop", status: "running" })
    await log(build.jobId, "before")
    const response = await fetchWorker(`/api/v2/workspacebuilds/${build.id}/logs?follow`, {
      token: user.token,
      headers: { Upgrade: "websocket" },
    })
    expect(response.status).toBe(101)
    const socket = response.webSocket!
    const lines: string[] = []
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve))
    socket.addEventListener("message", (event) => {
      lines.push(JSON.parse(String(event.data)).output)
    })
    socket.accept()
    await expect.poll(() => lines).toEqual(["before"])
    // A row written past the API notifies nobody. The feed's review, once a minute, finds it.
    const review = () => runDurableObjectAlarm(env.WORKSPACE_FEED.getByName(feedName(build.jobId)))
    await log(build.jobId, "during")
    expect(await review()).toBe(true)
    await expect.poll(() => lines).toEqual(["before", "during"])
    await query("update provisioner_jobs set completed_at = $2 where id = $1", [build.jobId, epoch])
    expect(await review()).toBe(true)
    const { code, reason } = await closed
    expect([lines, code, reason]).toEqual([["before", "during"], 1000, "done"])
  })
})
