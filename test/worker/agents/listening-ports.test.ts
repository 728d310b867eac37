// The ports that an agent reports over its socket, and that people read while it is open.
import { env } from "cloudflare:workers"
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test"
import { afterEach, expect, test } from "vitest"
import { hubOf } from "../../../src/agents/hub/calls.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { api, fetchWorker } from "../harness.ts"
import { until } from "../until.ts"

const opened: WebSocket[] = []
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close()
})

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build)
  return { user, workspace, agent }
}

async function connect({ workspace, agent }: Awaited<ReturnType<typeof given>>) {
  const path = `/api/v2/workspaceagents/me/connect?workspace_id=${workspace.id}`
  const { webSocket } = await fetchWorker(path, {
    token: agent.token,
    headers: { Upgrade: "websocket" },
  })
  const socket = webSocket!
  const closes: number[] = []
  socket.accept()
  socket.addEventListener("close", ({ code }) => {
    closes.push(code)
  })
  opened.push(socket)
  return {
    closes,
    socket,
    report: (ports: unknown) => socket.send(JSON.stringify({ type: "ports", ports })),
  }
}

const portOf = (port: number, process_name = "node") => ({ process_name, network: "tcp", port })
const read = (agent: { id: string }, token: string) =>
  api(`/api/v2/workspaceagents/${agent.id}/listening-ports`, { token })
const countOf = async (agent: { id: string }, token: string) =>
  (await read(agent, token)).body.ports.length

test("ports are listed in order, also after hibernation, until the socket closes", async () => {
  const place = await given()
  const { agent, user, workspace } = place
  expect((await read(agent, user.token)).body).toEqual({ ports: [] })
  const line = await connect(place)
  line.report([portOf(8080), portOf(3000, "")])
  await until(async () => (await countOf(agent, user.token)) === 2)
  await evictDurableObject(hubOf(env, workspace.id), { webSockets: "hibernate" })
  expect((await read(agent, user.token)).body).toEqual({ ports: [portOf(3000, ""), portOf(8080)] })

  const stranger = await givenUser()
  expect((await read(agent, stranger.token)).status).toBe(404)

  line.socket.close(1000)
  await until(async () => (await countOf(agent, user.token)) === 0)
  // A new socket begins without ports.
  await connect(place)
  expect(await countOf(agent, user.token)).toBe(0)
})

test("a malformed or too frequent frame closes the socket and is not stored", async () => {
  const place = await given()
  const { agent, user, workspace } = place
  for (const [ports, code] of [
    ["many", 1003],
    [[portOf(0)], 1003],
    [[portOf(70_000)], 1003],
    [[portOf(80, "x".repeat(65))], 1003],
    [[{ ...portOf(80), network: "udp" }], 1003],
    [Array.from({ length: 257 }, (_, i) => portOf(2_000 + i)), 1003],
  ] as const) {
    const line = await connect(place)
    line.report(ports)
    await until(() => line.closes.length > 0)
    expect(line.closes).toEqual([code])
  }
  const line = await connect(place)
  line.report([portOf(8080)])
  line.report([portOf(8081)])
  await until(() => line.closes.length > 0)
  expect(line.closes).toEqual([1008])
  await until(async () => (await countOf(agent, user.token)) === 0)
  await runDurableObjectAlarm(hubOf(env, workspace.id))
})
