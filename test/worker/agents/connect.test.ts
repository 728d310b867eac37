// How the hub of a workspace proves an agent's socket, in one round trip.
//
// A refused handshake changes nothing, and an interrupted one ends as disconnected.
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import {
  evictDurableObject,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test"
import { afterEach, beforeEach, expect, test } from "vitest"
import { hubOf } from "../../../src/agents/hub/calls.ts"
import { publishBuildChange } from "../../../src/platform/durable/publish.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { withFaults } from "../faults.ts"
import { api, at, epoch, fetchWorker, query } from "../harness.ts"
import { until } from "../until.ts"

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build, {
    columns: { first_connected_at: null, last_connected_at: null },
  })
  return { user, workspace, agent }
}

type Sent = (url: string, init: RequestInit) => Promise<Response>
const passOn: Sent = neonConfig.fetchFunction
const opened: WebSocket[] = []
beforeEach(() => at(epoch))
afterEach(() => {
  neonConfig.fetchFunction = passOn
  for (const socket of opened.splice(0)) socket.close()
})

const pathOf = (workspaceId: string) =>
  `/api/v2/workspaceagents/me/connect?workspace_id=${workspaceId}`

async function connect(workspaceId: string, token: string) {
  const headers = { Upgrade: "websocket" }
  const response = await fetchWorker(pathOf(workspaceId), { token, headers })
  const closes: number[] = []
  const socket = response.webSocket
  if (socket) {
    socket.accept()
    socket.addEventListener("close", ({ code }) => {
      closes.push(code)
    })
    opened.push(socket)
  }
  const body = response.status === 101 ? null : await response.json<Record<string, unknown>>()
  return { status: response.status, body, socket, closes }
}

async function linkOf(agentId: string): Promise<Record<string, unknown>> {
  const [row] = await query(
    `select socket_open, first_connected_at, last_connected_at, disconnected_at
     from workspace_agents where id = $1`,
    [agentId],
  )
  return row
}
const isOpen = async (agentId: string) => (await linkOf(agentId))["socket_open"] as boolean

const tablesOf = (state: DurableObjectState) =>
  state.storage.sql
    .exec("select name from sqlite_master where name in ('links', 'proofs', 'build_change')")
    .toArray().length

/** How many tables the hub has, and its alarm. */
const keptBy = (workspaceId: string) =>
  runInDurableObject(hubOf(env, workspaceId), async (_, state) => [
    tablesOf(state),
    await state.storage.getAlarm(),
  ])
const nothing = [0, null]

const textOf = ({ body }: RequestInit) => (typeof body === "string" ? body : "")
const isProof = (init: RequestInit) => textOf(init).includes("authenticate_agent")
const isLink = (init: RequestInit) => textOf(init).includes("set socket_open")

/** Delays the database's answer to the next proof. `reached`: it is written, unknown to the hub. */
function holdProof() {
  const gate = { isReached: false, isReleased: false }
  neonConfig.fetchFunction = async (url: string, init: RequestInit) => {
    if (!isProof(init)) return passOn(url, init)
    neonConfig.fetchFunction = passOn
    const response = await passOn(url, init)
    const text = await response.text()
    gate.isReached = true
    while (!gate.isReleased) await scheduler.wait(5)
    return new Response(text, response)
  }
  return { reached: () => until(() => gate.isReached), release: () => (gate.isReleased = true) }
}

/** Connects, and runs `then` between the database's write and its answer. */
async function connectAround(workspaceId: string, token: string, then: () => Promise<unknown>) {
  const proof = holdProof()
  const connecting = connect(workspaceId, token)
  await proof.reached()
  try {
    await then()
  } finally {
    proof.release()
  }
  return connecting
}

test("a refused handshake closes no socket, writes nothing and stores nothing", async () => {
  const { workspace, agent } = await given()
  const stranger = await given()
  const held = await connect(workspace.id, agent.token)
  expect(held.status).toBe(101)
  const before = await linkOf(agent.id)

  const unauthorized = await api("/api/v2/workspaceagents/me/manifest", {
    token: crypto.randomUUID(),
  })
  for (const [workspaceId, token] of [
    [workspace.id, crypto.randomUUID()],
    [workspace.id, stranger.agent.token],
    [stranger.workspace.id, agent.token],
    [crypto.randomUUID(), agent.token],
  ] as const) {
    const { status, body } = await connect(workspaceId, token)
    expect([status, body]).toEqual([401, unauthorized.body])
    if (workspaceId !== workspace.id) expect(await keptBy(workspaceId)).toEqual(nothing)
  }
  expect(held.closes).toEqual([])
  expect(await linkOf(agent.id)).toEqual(before)
  expect(await isOpen(stranger.agent.id)).toBe(false)
})

test("a malformed request is answered 400, 401 or 426 and never reaches a hub", async () => {
  const { workspace, agent } = await given()
  const headers = { Upgrade: "websocket" }
  const ask = (path: string, token: string) => api(path, { token, headers })
  for (const path of [pathOf("").replace(/\?.*/, ""), pathOf("nonsense")]) {
    const { status, body } = await ask(path, agent.token)
    expect([status, body.validations[0].field]).toEqual([400, "workspace_id"])
  }
  expect((await ask(pathOf(workspace.id), "nonsense")).body.message).toBe(
    "Workspace agent token invalid.",
  )
  expect((await api(pathOf(workspace.id), { token: agent.token })).status).toBe(426)
  const hubs = (await listDurableObjectIds(env.AGENT_HUB)).map(String)
  expect(hubs).not.toContain(env.AGENT_HUB.idFromName(workspace.id).toString())
})

test("the hub writes a connection and a loss once each, and then stores nothing", async () => {
  const { workspace, agent } = await given()
  const written: boolean[] = []
  neonConfig.fetchFunction = (url: string, init: RequestInit) => {
    // Other hubs of this file may write by their own alarms.
    const isOurs = [workspace.id, agent.id].some((id) => textOf(init).includes(id))
    if (isLink(init) && isOurs) written.push(isProof(init))
    return passOn(url, init)
  }
  const { socket } = await connect(workspace.id, agent.token)
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await isOpen(agent.id)).toBe(true)
  socket!.close(1000)
  await until(async () => !(await isOpen(agent.id)))
  await until(async () => (await keptBy(workspace.id))[0] === 0)
  expect(await keptBy(workspace.id)).toEqual(nothing)
  expect(written).toEqual([true, false])
})

test("a connection is answered 503 and nothing stays stored without a database", async () => {
  const { workspace, agent } = await given()
  neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
  const { status, body } = await connect(workspace.id, agent.token)
  expect([status, body?.["message"]]).toEqual([
    503,
    "The database is not available. Please try again in a moment.",
  ])
  expect((await keptBy(workspace.id))[1]).not.toBeNull()
  neonConfig.fetchFunction = passOn
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await isOpen(agent.id)).toBe(false)
  expect(await keptBy(workspace.id)).toEqual(nothing)
})

test("a connection whose answer was lost ends as disconnected", async () => {
  const { workspace, agent } = await given()
  const faults = (text: string) => (text.includes("authenticate_agent") ? "answer_lost" : null)
  await withFaults(faults, async () => {
    expect((await connect(workspace.id, agent.token)).status).toBe(503)
  })
  expect(await isOpen(agent.id)).toBe(true)
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await isOpen(agent.id)).toBe(false)
  expect(await keptBy(workspace.id)).toEqual(nothing)
})

test("the alarm disconnects an agent whose hub died between write and socket", async () => {
  const { user, workspace, agent } = await given()
  const hub = hubOf(env, workspace.id)
  const neighbour = await givenAgent(workspace, workspace.build, { columns: { name: "neighbour" } })
  await connect(workspace.id, neighbour.token)
  // The object's storage and the database as they are at that moment.
  await runInDurableObject(hub, (_, state) => {
    state.storage.sql.exec("insert into proofs default values")
  })
  await query("update workspace_agents set socket_open = true where id = $1", [agent.id])
  await evictDurableObject(hub)
  await runDurableObjectAlarm(hub)
  expect(await isOpen(agent.id)).toBe(false)
  expect(await isOpen(neighbour.id)).toBe(true)
  expect(
    (await api(`/api/v2/workspaceagents/${agent.id}`, { token: user.token })).body.status,
  ).toBe("disconnected")
})

test("the alarm disconnects an agent whose hub died during the proof", async () => {
  const { workspace, agent } = await given()
  const hub = hubOf(env, workspace.id)
  let noted: unknown[] = []
  const { status } = await connectAround(workspace.id, agent.token, async () => {
    // The proof is stored, and an alarm armed, before the database is asked.
    noted = await runInDurableObject(hub, async (_, state) => [
      state.storage.sql.exec("select id from proofs").toArray().length,
      (await state.storage.getAlarm()) !== null,
    ])
    await runInDurableObject(hub, (_, state) => state.abort("the object dies")).catch(
      () => undefined,
    )
  })
  expect(status).toBe(503)
  expect(noted).toEqual([1, true])
  expect(await isOpen(agent.id)).toBe(true)
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await isOpen(agent.id)).toBe(false)
  expect(await keptBy(workspace.id)).toEqual(nothing)
})

test("an agent stays connected when the loss of its old socket is written late", async () => {
  const { workspace, agent } = await given()
  const old = await connect(workspace.id, agent.token)
  const next = await connectAround(workspace.id, agent.token, async () => {
    old.socket!.close(1000)
    await until(async () => !(await isOpen(agent.id)))
  })
  expect(next.status).toBe(101)
  await until(() => isOpen(agent.id))
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await isOpen(agent.id)).toBe(true)
})

test("an agent whose build is replaced during the proof is refused and disconnected", async () => {
  const { workspace, agent } = await given()
  const replaced = await connectAround(workspace.id, agent.token, async () => {
    await givenBuild(workspace)
    await publishBuildChange(env, workspace.id)
  })
  expect(replaced.status).toBe(401)
  await until(async () => !(await isOpen(agent.id)))
  // A build change that leaves the agent valid does not refuse it.
  const other = await given()
  const changed = () => publishBuildChange(env, other.workspace.id)
  expect((await connectAround(other.workspace.id, other.agent.token, changed)).status).toBe(101)
  expect(await isOpen(other.agent.id)).toBe(true)
})

test("connections that race leave one socket, and its loss disconnects the agent", async () => {
  const { workspace, agent } = await given()
  const all = await Promise.all(Array.from({ length: 5 }, () => connect(workspace.id, agent.token)))
  expect(all.map(({ status }) => status)).toEqual([101, 101, 101, 101, 101])
  await until(() => all.flatMap(({ closes }) => closes).length === 4)
  expect(new Set(all.flatMap(({ closes }) => closes))).toEqual(new Set([4000]))
  for (const { closes, socket } of all) if (closes.length > 0) socket!.close()
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  expect(await isOpen(agent.id)).toBe(true)
  all.find(({ closes }) => closes.length === 0)!.socket!.close(1000)
  await until(async () => !(await isOpen(agent.id)))
})

test("a hub with a thousand sockets refuses another without a query", async () => {
  const { workspace, agent } = await given()
  await runInDurableObject(hubOf(env, workspace.id), (_, state) => {
    for (let i = 0; i < 1_000; i++) {
      const { 0: near, 1: far } = new WebSocketPair()
      state.acceptWebSocket(far, ["reinit:none"])
      far.serializeAttachment({ kind: "reinit", agentId: crypto.randomUUID(), openedAtMs: 0 })
      near.accept()
    }
  })
  let proofs = 0
  neonConfig.fetchFunction = (url: string, init: RequestInit) => {
    if (isProof(init) && textOf(init).includes(workspace.id)) proofs += 1
    return passOn(url, init)
  }
  const { status, body } = await connect(workspace.id, agent.token)
  expect([status, body?.["message"]]).toEqual([
    503,
    "Too many agents wait. Please try again in a moment.",
  ])
  expect(proofs).toBe(0)
})

test("the alarm disconnects agents whose sockets were lost together with the hub", async () => {
  const { workspace, agent } = await given()
  await connect(workspace.id, agent.token)
  await evictDurableObject(hubOf(env, workspace.id), { webSockets: "close" })
  await runDurableObjectAlarm(hubOf(env, workspace.id))
  await until(async () => !(await isOpen(agent.id)))
  expect(await keptBy(workspace.id)).toEqual(nothing)
})

test("a refusal that clears the hub keeps the link of a concurrent connection", async () => {
  for (let round = 0; round < 10; round++) {
    const { workspace, agent } = await given()
    const tokens = [crypto.randomUUID(), agent.token, crypto.randomUUID(), crypto.randomUUID()]
    const all = await Promise.all(tokens.map((token) => connect(workspace.id, token)))
    expect(all.map(({ status }) => status)).toEqual([401, 101, 401, 401])
    const kept = await runInDurableObject(hubOf(env, workspace.id), async (_, state) => [
      state.storage.sql.exec("select is_open, is_written from links").toArray(),
      state.storage.sql.exec("select id from proofs").toArray(),
      (await state.storage.getAlarm()) !== null,
    ])
    expect(kept).toEqual([[{ is_open: 1, is_written: 1 }], [], true])
  }
})
