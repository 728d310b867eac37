// The relay of a forwarded port: who may connect, and what happens to a side that misbehaves.
import { afterEach, describe, expect, test } from "vitest"
import {
  decodeFrame,
  encodeCredit,
  encodeFrame,
  encodeOpen,
  frameTypes,
  payloadBytesMax,
  windowBytes,
} from "../../../src/agents/forward/frames.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, fetchWorker } from "../harness.ts"
import { until } from "../until.ts"

const sockets: WebSocket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
})

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build)
  return { user, workspace, agent }
}

async function dial(path: string, token: string) {
  const response = await fetchWorker(`/api/v2/workspaceagents/${path}`, {
    token,
    headers: { Upgrade: "websocket" },
  })
  const texts: string[] = []
  const frames: Uint8Array[] = []
  const closes: number[] = []
  const socket = response.webSocket
  if (!socket) return { status: response.status, texts, frames, closes, send: () => {} }
  socket.binaryType = "arraybuffer"
  socket.accept()
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") texts.push(data)
    else frames.push(new Uint8Array(data as ArrayBuffer))
  })
  socket.addEventListener("close", ({ code }) => closes.push(code))
  sockets.push(socket)
  return {
    status: response.status,
    texts,
    frames,
    closes,
    send: (data: Uint8Array | string) => socket.send(data),
  }
}

/** Both sides of a session, over the routes that people and agents use. */
async function givenSession() {
  const place = await given()
  const line = await dial(`me/connect?workspace_id=${place.workspace.id}`, place.agent.token)
  const client = await dial(`${place.agent.id}/forward`, place.user.token)
  await until(() => line.texts.length > 0)
  const { type, session } = JSON.parse(line.texts[0] ?? "") as { type: string; session: string }
  expect(type).toBe("dial")
  const agent = await dial(`me/relay/${session}`, place.agent.token)
  return { ...place, session, client, agentSide: agent }
}

const typesOf = (frames: readonly Uint8Array[]) => frames.map((bytes) => decodeFrame(bytes)?.type)

test("frames pass in order, also those from before the agent connected", async () => {
  const place = await given()
  const line = await dial(`me/connect?workspace_id=${place.workspace.id}`, place.agent.token)
  const client = await dial(`${place.agent.id}/forward`, place.user.token)
  client.send(encodeOpen(1, 8080))
  client.send(encodeFrame(frameTypes.data, 1, new Uint8Array([1, 2])))
  await until(() => line.texts.length > 0)
  const { session } = JSON.parse(line.texts[0] ?? "") as { session: string }
  const agent = await dial(`me/relay/${session}`, place.agent.token)
  await until(() => agent.frames.length === 2)
  expect(typesOf(agent.frames)).toEqual([frameTypes.open, frameTypes.data])
  agent.send(encodeFrame(frameTypes.opened, 1))
  await until(() => client.frames.length === 1)
  expect(typesOf(client.frames)).toEqual([frameTypes.opened])
})

test("the relay answers a ping itself and does not pass it on", async () => {
  const { client, agentSide } = await givenSession()
  client.send(encodeFrame(frameTypes.ping, 0))
  await until(() => client.frames.length === 1)
  expect(typesOf(client.frames)).toEqual([frameTypes.pong])
  expect(agentSide.frames).toEqual([])
})

test("the relay closes one side when the other closes", async () => {
  const { client, agentSide } = await givenSession()
  sockets.at(-1)?.close(1000)
  await until(() => client.closes.length > 0)
  expect(client.closes).toEqual([1001])
  expect(agentSide.frames).toEqual([])
})

describe("the relay closes a side", () => {
  const block = encodeFrame(frameTypes.data, 1, new Uint8Array(payloadBytesMax))

  test("that sends more than the window to a peer that never reads", async () => {
    const { client, agentSide } = await givenSession()
    client.send(encodeOpen(1, 8080))
    for (let sent = 0; sent < windowBytes; sent += payloadBytesMax) client.send(block)
    await until(() => agentSide.frames.length === 1 + windowBytes / payloadBytesMax)
    expect(client.closes).toEqual([])
    client.send(encodeFrame(frameTypes.data, 1, new Uint8Array(1)))
    await until(() => client.closes.length > 0 && agentSide.closes.length > 0)
    expect(client.closes).toEqual([1008])
  })

  test("that sends more than the credit it was given", async () => {
    const { client, agentSide } = await givenSession()
    client.send(encodeOpen(1, 8080))
    for (let sent = 0; sent < windowBytes; sent += payloadBytesMax) client.send(block)
    await until(() => agentSide.frames.length === 1 + windowBytes / payloadBytesMax)
    agentSide.send(encodeCredit(1, payloadBytesMax))
    await until(() => client.frames.length === 1)
    client.send(block)
    await until(() => agentSide.frames.length === 2 + windowBytes / payloadBytesMax)
    expect(client.closes).toEqual([])
    client.send(encodeFrame(frameTypes.data, 1, new Uint8Array(1)))
    await until(() => client.closes.length > 0)
    expect(client.closes).toEqual([1008])
  })

  test("that floods a session before its agent has connected", async () => {
    const place = await given()
    await dial(`me/connect?workspace_id=${place.workspace.id}`, place.agent.token)
    const client = await dial(`${place.agent.id}/forward`, place.user.token)
    for (let stream = 1; stream <= 20; stream++)
      client.send(encodeFrame(frameTypes.data, stream, new Uint8Array(payloadBytesMax)))
    await until(() => client.closes.length > 0)
    expect(client.closes).toEqual([1008])
  })

  test.each([
    ["text", "hello"],
    ["bytes that are not a frame", new Uint8Array([99, 0, 0, 0, 0])],
    ["a frame that is too short", new Uint8Array([3])],
  ])("that sends %s", async (_, data) => {
    const { client } = await givenSession()
    client.send(data)
    await until(() => client.closes.length > 0)
    expect(client.closes).toEqual([1003])
  })
})

describe("the handshake is refused with", () => {
  test("404 for a stranger and for an agent that was deleted", async () => {
    const { agent } = await given()
    const stranger = await givenUser()
    expect((await dial(`${agent.id}/forward`, stranger.token)).status).toBe(404)
    expect((await dial(`${crypto.randomUUID()}/forward`, stranger.token)).status).toBe(404)
  })

  test("403 for a person who may read the workspace but not connect to it", async () => {
    const { agent } = await given()
    const reader = await givenUser({ roles: ["template-admin"] })
    expect((await dial(`${agent.id}/forward`, reader.token)).status).toBe(403)
  })

  test("409 for an agent that is not connected and for a workspace that is stopped", async () => {
    const { user, workspace, agent } = await given()
    expect((await dial(`${agent.id}/forward`, user.token)).status).toBe(409)
    await givenBuild(workspace, { transition: "stop" })
    expect((await dial(`${agent.id}/forward`, user.token)).status).toBe(409)
  })

  test("409 for a second agent, and for an agent of another workspace", async () => {
    const { session, agent } = await givenSession()
    const other = await given()
    expect((await dial(`me/relay/${session}`, agent.token)).status).toBe(409)
    expect((await dial(`me/relay/${session}`, other.agent.token)).status).toBe(409)
  })

  test("426 for a request without an upgrade", async () => {
    const { user, agent } = await given()
    expect(
      (await api(`/api/v2/workspaceagents/${agent.id}/forward`, { token: user.token })).status,
    ).toBe(426)
  })
})
