// The agent's own side: who may call it, and what each report changes.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { flushUsage } from "../../../src/usage/tracker/flush-shards.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query } from "../harness.ts"
import { insertRow } from "../rows.ts"

async function given(options: { prebuild?: boolean; agent?: Record<string, unknown> } = {}) {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(
    options.prebuild ? { id: prebuildsUserId } : user,
    template,
    {
      build: { columns: options.prebuild ? {} : { deadline: afterEpoch(10 * 60_000) } },
    },
  )
  const agent = await givenAgent(workspace, workspace.build, { columns: options.agent ?? {} })
  return { user, workspace, agent }
}

const me = (path: string, token: string, body?: unknown, method?: string) =>
  api(`/api/v2/workspaceagents/me${path}`, {
    token,
    ...(body === undefined ? {} : { body }),
    ...(method && { method }),
  })

const agentRow = async (id: string) =>
  (await query("select * from workspace_agents where id = $1", [id]))[0]

describe("authentication", () => {
  test("401 without a token, with a malformed one and with an unknown one", async () => {
    expect((await api("/api/v2/workspaceagents/me/manifest")).body).toEqual({
      message: 'Cookie "coder_session_token" must be provided.',
    })
    expect((await me("/manifest", "abc")).body).toEqual({
      message: "Workspace agent token invalid.",
      detail: "An agent token must be a valid UUIDv4. (len 3)",
    })
    const unknown = await me("/manifest", crypto.randomUUID())
    expect(unknown.status).toBe(401)
    expect(unknown.body.message).toBe("Workspace agent not authorized.")
  })

  test("401 for a deleted agent, a person's token and an agent of an earlier build", async () => {
    const { user, workspace, agent } = await given()
    expect((await me("/manifest", user.token)).status).toBe(401)
    await givenBuild(workspace)
    expect((await me("/manifest", agent.token)).status).toBe(401)
    const gone = await given({ agent: { deleted: true } })
    expect((await me("/manifest", gone.agent.token)).status).toBe(401)
  })

  test.each([
    ["pending", 200],
    ["running", 200],
    ["succeeded", 401],
    ["canceling", 401],
  ] as const)("while the stop that follows is %s: %i", async (status, expected) => {
    const { workspace, agent } = await given()
    await givenBuild(workspace, { transition: "stop", status })
    expect((await me("/manifest", agent.token)).status).toBe(expected)
  })

  test("401 for an agent's token on a route of people", async () => {
    const { agent } = await given()
    expect((await api("/api/v2/workspaces", { token: agent.token })).status).toBe(401)
  })
})

test("the manifest lists what the agent runs", async () => {
  const { user, workspace, agent } = await given({
    agent: { environment_variables: { A: "1" }, directory: "/home/me" },
  })
  await insertRow("workspace_agent_scripts", {
    id: crypto.randomUUID(),
    agent_id: agent.id,
    log_source_id: crypto.randomUUID(),
    script: "echo hello",
    run_on_start: true,
    timeout_seconds: 60,
    display_name: "Start",
    created_at: epoch,
  })
  await insertRow("workspace_agent_metadata", {
    agent_id: agent.id,
    key: "load",
    display_name: "Load",
    script: "uptime",
    interval_seconds: 10,
  })
  const { status, body } = await me("/manifest", agent.token)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    agent_id: agent.id,
    agent_name: "main",
    owner_name: user.username,
    workspace_id: workspace.id,
    workspace_name: workspace.name,
    environment_variables: { A: "1" },
    directory: "/home/me",
    scripts: [{ script: "echo hello", timeout: 60_000_000_000, run_on_start: true }],
    metadata: [{ key: "load", display_name: "Load", script: "uptime", interval: 10, timeout: 0 }],
  })
})

describe("an agent without a socket", () => {
  test("is connected for thirty seconds after any call", async () => {
    const { user, agent } = await given({
      agent: { first_connected_at: null, last_connected_at: null },
    })
    const status = async (ms: number) => {
      at(afterEpoch(ms))
      return (await api(`/api/v2/workspaceagents/${agent.id}`, { token: user.token })).body.status
    }
    expect(await status(0)).toBe("connecting")
    at(afterEpoch(1_000))
    await me("/startup", agent.token, { version: "v1.2.3" })
    expect(await status(31_000)).toBe("connected")
    expect(await status(31_001)).toBe("disconnected")
    await me("/report-stats", agent.token, {})
    expect(await status(31_001)).toBe("connected")
  })
})

describe("startup", () => {
  test("stores version, directory and subsystems, each once and sorted", async () => {
    const { agent } = await given()
    const body = {
      version: "v2.36.0-devel",
      expanded_directory: "/home/me",
      subsystems: ["exectrace", "envbox", "exectrace"],
    }
    const answer = await me("/startup", agent.token, body)
    expect([answer.status, answer.text]).toEqual([200, "null\n"])
    expect(await agentRow(agent.id)).toMatchObject({
      version: "v2.36.0-devel",
      expanded_directory: "/home/me",
      subsystems: ["envbox", "exectrace"],
    })
  })
  test.each(["1.2.3", "v1", "vx.y.z"])("400 for version %s", async (version) => {
    const { agent } = await given()
    const answer = await me("/startup", agent.token, { version })
    expect([answer.status, answer.body.message]).toEqual([
      400,
      "Invalid workspace agent version provided.",
    ])
  })
})

describe("lifecycle", () => {
  test("starting resets both instants, ready ends the start, off changes neither", async () => {
    const { agent } = await given({ agent: { lifecycle_state: "created", ready_at: epoch } })
    at(afterEpoch(60_000))
    const report = async (state: string, ms: number) => {
      expect(
        (
          await me("/report-lifecycle", agent.token, {
            state,
            changed_at: afterEpoch(ms).toISOString(),
          })
        ).status,
      ).toBe(204)
      const row = await agentRow(agent.id)
      const at = (value: string | null) =>
        value === null ? null : new Date(value).getTime() - epoch.getTime()
      return [row.lifecycle_state, at(row.started_at), at(row.ready_at)]
    }
    expect(await report("starting", 1_000)).toEqual(["starting", 1_000, null])
    expect(await report("start_timeout", 2_000)).toEqual(["start_timeout", 1_000, 2_000])
    expect(await report("ready", 3_000)).toEqual(["ready", 1_000, 3_000])
    expect(await report("off", 4_000)).toEqual(["off", 1_000, 3_000])
  })
  test("ready without a start sets both instants, and a future instant becomes now", async () => {
    const { agent } = await given({ agent: { lifecycle_state: "created", ready_at: null } })
    at(afterEpoch(5_000))
    await me("/report-lifecycle", agent.token, {
      state: "ready",
      changed_at: "2999-01-01T00:00:00Z",
    })
    const row = await agentRow(agent.id)
    expect(new Date(row.started_at)).toEqual(afterEpoch(5_000))
    expect(new Date(row.ready_at)).toEqual(afterEpoch(5_000))
  })
  test("400 for an unknown state", async () => {
    const { agent } = await given()
    const answer = await me("/report-lifecycle", agent.token, { state: "dozing" })
    expect([answer.status, answer.body.message]).toEqual([400, "Invalid lifecycle state."])
  })
})

describe("statistics", () => {
  const lastUsed = async (id: string) =>
    new Date(
      (await query("select last_used_at from workspaces where id = $1", [id]))[0].last_used_at,
    )
  const deadline = async (id: string) =>
    new Date((await query("select deadline from workspace_builds where id = $1", [id]))[0].deadline)
  const stats = (id: string) =>
    query("select * from workspace_agent_stats where agent_id = $1", [id])

  test("an empty report only reads the interval", async () => {
    const { agent } = await given()
    expect((await me("/report-stats", agent.token, {})).body).toEqual({
      report_interval: 30_000_000_000,
    })
    await flushUsage(env)
    expect(await stats(agent.id)).toEqual([])
  })

  test("a connection marks use, moves the deadline, is stored without sessions", async () => {
    const { workspace, agent } = await given()
    at(afterEpoch(60_000))
    const report = {
      connections_by_proto: { TCP: 1 },
      connection_count: 1,
      rx_bytes: 10,
      session_count_ssh: 3,
    }
    expect((await me("/report-stats", agent.token, report)).status).toBe(200)
    await flushUsage(env)
    expect(await lastUsed(workspace.id)).toEqual(afterEpoch(60_000))
    expect(await deadline(workspace.build.id)).toEqual(afterEpoch(60_000 + 3_600_000))
    expect(await stats(agent.id)).toMatchObject([
      {
        connection_count: 1,
        session_count_ssh: 0,
        usage: false,
        connections_by_proto: { TCP: 1 },
        workspace_id: workspace.id,
      },
    ])
  })

  test("a report without connections is stored and changes nothing else", async () => {
    const { workspace, agent } = await given()
    at(afterEpoch(60_000))
    await me("/report-stats", agent.token, {
      connections_by_proto: { TCP: 0 },
      connection_count: 0,
      rx_bytes: 5,
    })
    await flushUsage(env)
    expect(await lastUsed(workspace.id)).toEqual(epoch)
    expect(await deadline(workspace.build.id)).toEqual(afterEpoch(600_000))
    expect(await stats(agent.id)).toHaveLength(1)
  })

  test("a prebuild is marked as used and never bumped", async () => {
    const { workspace, agent } = await given({ prebuild: true })
    at(afterEpoch(60_000))
    await me("/report-stats", agent.token, {
      connections_by_proto: { TCP: 1 },
      connection_count: 1,
    })
    await flushUsage(env)
    expect(await lastUsed(workspace.id)).toEqual(afterEpoch(60_000))
    expect(
      (await query("select deadline from workspace_builds where id = $1", [workspace.build.id]))[0]
        .deadline,
    ).toBeNull()
  })

  test.each([
    [{ connection_count: -1 }],
    [{ connection_count: 1e12 }],
    [{ rx_bytes: -5 }],
    [{ tx_bytes: 1e300 }],
    [{ connections_by_proto: { TCP: -1 } }],
  ])("400 for %j", async (report) => {
    const { agent } = await given()
    expect((await me("/report-stats", agent.token, report)).status).toBe(400)
  })
})

describe("metadata", () => {
  test("known keys are written, unknown ones ignored, long values cut", async () => {
    const { user, agent } = await given()
    await insertRow("workspace_agent_metadata", { agent_id: agent.id, key: "a" })
    await insertRow("workspace_agent_metadata", { agent_id: agent.id, key: "b" })
    at(afterEpoch(9_000))
    const metadata = [
      { key: "a", value: "1\u0000", error: "" },
      { key: "b", value: "x".repeat(1_000_000), error: "" },
      { key: "c", value: "3", error: "" },
    ]
    expect((await me("/metadata", agent.token, { metadata })).status).toBe(204)
    at(afterEpoch(12_000))
    const watch = await fetchWorker(`/api/v2/workspaceagents/${agent.id}/watch-metadata`, {
      token: user.token,
    })
    const reader = watch.body!.pipeThrough(new TextDecoderStream()).getReader()
    const { value: event = "" } = await reader.read()
    await reader.cancel()
    const seen = JSON.parse(event.slice("event: data\ndata: ".length)) as { result: unknown }[]
    expect(seen.map((one) => one.result)).toEqual([
      { collected_at: "2026-03-04T09:00:09Z", age: 3, value: "1", error: "" },
      {
        collected_at: "2026-03-04T09:00:09Z",
        age: 3,
        value: "x".repeat(2048),
        error: "value of 1000000 bytes exceeded 2048 bytes",
      },
    ])
  })
})

describe("apps", () => {
  const givenApp = (agentId: string, columns = {}) =>
    insertRow("workspace_apps", {
      id: crypto.randomUUID(),
      agent_id: agentId,
      slug: "code",
      health: "initializing",
      created_at: epoch,
      ...columns,
    })

  test("health is written for all apps or for none", async () => {
    const { agent } = await given()
    const app = await givenApp(agent.id)
    const foreign = await givenApp((await given()).agent.id)
    expect(
      (
        await me("/app-health", agent.token, {
          healths: { [app.id]: "healthy", [foreign.id]: "healthy" },
        })
      ).status,
    ).toBe(404)
    const health = async () =>
      (await query("select health from workspace_apps where id = $1", [app.id]))[0].health
    expect(await health()).toBe("initializing")
    expect(
      (await me("/app-health", agent.token, { healths: { [app.id]: "healthy" } })).status,
    ).toBe(200)
    expect(await health()).toBe("healthy")
    expect((await me("/app-health", agent.token, { healths: { [app.id]: "well" } })).status).toBe(
      400,
    )
  })

  test("a status is stored under its app", async () => {
    const { agent } = await given()
    const app = await givenApp(agent.id)
    const body = { app_slug: "code", state: "working", message: "compiling", uri: "" }
    expect((await me("/app-status", agent.token, body, "PATCH")).text).toBe("null\n")
    expect(
      (await query("select * from workspace_app_statuses where app_id = $1", [app.id]))[0],
    ).toMatchObject({ state: "working", agent_id: agent.id })
    const link = { ...body, uri: "javascript:alert(1)" }
    expect((await me("/app-status", agent.token, link, "PATCH")).status).toBe(400)
    expect(
      (await me("/app-status", agent.token, { ...body, app_slug: "none" }, "PATCH")).status,
    ).toBe(404)
    expect(
      (await me("/app-status", agent.token, { ...body, message: "x".repeat(161) }, "PATCH")).status,
    ).toBe(400)
  })
})

describe("logs", () => {
  const send = (token: string, logs: unknown) =>
    me("/logs", token, { log_source_id: crypto.randomUUID(), logs }, "PATCH")
  const line = (output: string, level = "info") => ({
    created_at: epoch.toISOString(),
    output,
    level,
  })

  test("lines are read in order, as JSON and as text", async () => {
    const { user, agent } = await given()
    expect((await send(agent.token, [line("one"), line("two", "error")])).text).toBe("null\n")
    const read = await api(`/api/v2/workspaceagents/${agent.id}/logs`, { token: user.token })
    expect(
      read.body.map((row: { output: string; level: string }) => [row.output, row.level]),
    ).toEqual([
      ["one", "info"],
      ["two", "error"],
    ])
    const rest = await api(`/api/v2/workspaceagents/${agent.id}/logs?after=${read.body[0].id}`, {
      token: user.token,
    })
    expect(rest.body).toHaveLength(1)
    expect(
      (await api(`/api/v2/workspaceagents/${agent.id}/logs?format=text`, { token: user.token }))
        .text,
    ).toContain("[error] two\n")
  })

  const read = async (agent: { id: string }, token: string, search = "") =>
    (await api(`/api/v2/workspaceagents/${agent.id}/logs${search}`, { token })).body as {
      id: number
      created_at: string
      output: string
      level: string
    }[]

  test("the first mebibyte is kept with a notice, and all later lines are refused", async () => {
    const { user, agent } = await given()
    const lines = Array.from({ length: 80 }, (_, index) => line(`${index} ${"x".repeat(15_000)}`))
    expect((await send(agent.token, lines.slice(0, 20))).status).toBe(200)
    expect((await send(agent.token, lines.slice(20))).body).toEqual({
      message: "Logs limit exceeded",
    })
    expect((await send(agent.token, [line("late")])).status).toBe(413)
    const stored = await read(agent, user.token)
    expect(stored).toHaveLength(70)
    expect(stored.at(-2)!.output.slice(0, 4)).toBe("68 x")
    expect(stored.at(-1)).toMatchObject({
      level: "warn",
      output: "The agent's logs exceeded the 1 MiB limit. Further output is dropped.",
    })
    expect(await agentRow(agent.id)).toMatchObject({ logs_overflowed: true })
  })

  test("one line that is longer than the limit keeps its beginning", async () => {
    const { user, agent } = await given()
    expect((await send(agent.token, [line("\u{1f600}".repeat(400_000))])).status).toBe(413)
    const stored = await read(agent, user.token)
    const text = stored
      .slice(0, -1)
      .map(({ output }) => output)
      .join("")
    expect(text).toMatch(/^(\u{1f600})+$/u)
    expect(text.length).toBeGreaterThan(300_000)
  })

  test("empty lines count towards the limit", async () => {
    const { agent } = await given()
    const lines = Array.from({ length: 10_000 }, () => line(""))
    const statuses: number[] = []
    for (let call = 0; call < 5; call++) statuses.push((await send(agent.token, lines)).status)
    expect(statuses).toEqual([200, 200, 200, 413, 413])
    expect((await agentRow(agent.id)).logs_length).toBeLessThanOrEqual(1_048_576)
  })

  test("a read returns at most 20,000 lines, and the next page begins after the last", async () => {
    const { user, agent } = await given()
    const lines = Array.from({ length: 10_000 }, () => line(""))
    for (let call = 0; call < 3; call++) await send(agent.token, lines)
    const first = await read(agent, user.token)
    expect(first).toHaveLength(20_000)
    expect(await read(agent, user.token, `?after=${first.at(-1)!.id}`)).toHaveLength(10_000)
  })

  test.each([
    ["9999-01-01T00:00:00Z", epoch],
    ["2001-01-01T00:00:00Z", afterEpoch(-24 * 3_600_000)],
    ["2026-03-04T08:59:59.5Z", afterEpoch(-500)],
  ])("a line of %s is stored within the day before now", async (created_at, expected) => {
    at(epoch)
    const { user, agent } = await given()
    expect((await send(agent.token, [{ created_at, output: "x", level: "" }])).status).toBe(200)
    const [stored] = await read(agent, user.token)
    expect(new Date(stored!.created_at)).toEqual(expected)
  })

  test.each(["1", "12026-03-04T09:00:00Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z"])(
    "400 for the instant %s",
    async (created_at) => {
      const { agent } = await given()
      const answer = await send(agent.token, [{ created_at, output: "x", level: "" }])
      expect([answer.status, answer.body.validations[0].field]).toEqual([400, "logs.0.created_at"])
      const report = { state: "ready", changed_at: created_at }
      expect((await me("/report-lifecycle", agent.token, report)).status).toBe(400)
    },
  )

  test("400 without lines and for an unknown level", async () => {
    const { agent } = await given()
    expect((await send(agent.token, [])).body).toEqual({ message: "No logs provided." })
    expect((await send(agent.token, [line("x", "loud")])).body.message).toBe(
      "Invalid log level provided.",
    )
  })

  test("a source that is reported twice stays as it is", async () => {
    const { agent } = await given()
    const source = { id: crypto.randomUUID(), display_name: "Startup", icon: "" }
    const first = await me("/log-source", agent.token, source)
    const again = await me("/log-source", agent.token, source)
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.body).toEqual(first.body)
  })

  test("404 for the logs of another person's agent", async () => {
    const { agent } = await given()
    const stranger = await givenUser()
    expect(
      (await api(`/api/v2/workspaceagents/${agent.id}/logs`, { token: stranger.token })).status,
    ).toBe(404)
    expect(
      (await api(`/api/v2/workspaceagents/${agent.id}`, { token: stranger.token })).body,
    ).toEqual({
      message: "Agent doesn't exist with that id, or you do not have access to it.",
    })
  })
})
