// Watching a workspace: the frames, their order, and the end of a watch.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { WorkspaceFeed } from "../../../dev/local/worker-entry.ts"
import {
  feedName,
  publishTemplate,
  publishWorkspaces,
} from "../../../src/platform/durable/publish.ts"
import { workspaceSchema } from "../../../src/workspaces/view.ts"
import { givenKey, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { api, fetchWorker, query } from "../harness.ts"
import { openSocket } from "../open-socket.ts"

let admin: GivenUser
let owner: GivenUser
let template: GivenTemplate

beforeAll(async () => {
  admin = await givenUser({ roles: ["owner"] })
  owner = await givenUser()
  template = await givenTemplate(admin)
})

type Frame = {
  type: string
  data?: { name: string; latest_build: { deadline: string | null; status: string } }
}

const watch = (id: string, token: string) =>
  openSocket<Frame>(`/api/v2/workspaces/${id}/watch-ws`, token)

const rename = (id: string, name: string) =>
  query("update workspaces set name = $2 where id = $1", [id, name])

const feedOf = (id: string) => env.WORKSPACE_FEED.getByName(feedName(id))
const deadline = "2026-03-04T10:00:00Z"
const running = { build: { columns: { deadline } } }

describe("watch-ws", () => {
  test("sends a ping, the workspace, then each change in order, and nothing else", async () => {
    const { id } = await givenWorkspace(owner, template, running)
    const { frames, count } = await watch(id, owner.token)
    await count(2)
    expect(frames.map((frame) => frame.type)).toEqual(["ping", "data"])
    const { body } = await api(`/api/v2/workspaces/${id}`, { token: owner.token })
    expect(frames[1]!.data).toEqual(body)
    expect(workspaceSchema.parse(frames[1]!.data)).toEqual(body)

    const first = "2026-03-04T12:00:00Z"
    await api(`/api/v2/workspaces/${id}/extend`, {
      method: "PUT",
      token: admin.token,
      body: { deadline: first },
    })
    expect((await count(3))[2]!.data!.latest_build.deadline).toBe(first)
    // A hint without a change: a reading that sends nothing, before the next change is made.
    await publishWorkspaces(env, [id])
    await feedOf(id).settled()
    await rename(id, "renamed")
    await publishWorkspaces(env, [id])
    expect((await count(4))[3]!.data!.name).toBe("renamed")
    expect(frames).toHaveLength(4)
  })

  test("sends two people the same workspace, each with their own favourite", async () => {
    const { id } = await givenWorkspace(owner, template, { columns: { favorite: true } })
    const [own, others] = await Promise.all([watch(id, owner.token), watch(id, admin.token)])
    const [first, second] = await Promise.all([own.count(2), others.count(2)])
    expect(first[1]!.data).toMatchObject({ id, favorite: true })
    expect(second[1]!.data).toMatchObject({ id, favorite: false })
  })

  test("sends one frame after a burst of hints, with the last state", async () => {
    const { id } = await givenWorkspace(owner, template, running)
    const neighbour = await givenWorkspace(owner, template, running)
    const watching = await watch(id, owner.token)
    const beside = await watch(neighbour.id, owner.token)
    await Promise.all([watching.count(2), beside.count(2)])
    await rename(id, "burst")
    await Promise.all(Array.from({ length: 10 }, () => publishWorkspaces(env, [id])))
    await watching.count(3)
    await Promise.all([feedOf(id).settled(), feedOf(neighbour.id).settled()])
    await Promise.all([rename(id, "last"), rename(neighbour.id, "other")])
    await publishWorkspaces(env, [id, neighbour.id])
    await Promise.all([watching.count(4), beside.count(3)])
    const names = (frames: Frame[]) => frames.slice(2).map((frame) => frame.data?.name)
    expect([names(watching.frames), names(beside.frames)]).toEqual([["burst", "last"], ["other"]])
  })

  test("sends workspaces again when their template has a new active version", async () => {
    const own = await givenTemplate(admin)
    const { id } = await givenWorkspace(owner, own)
    const { count } = await watch(id, owner.token)
    await count(2)
    await query("update templates set require_active_version = true where id = $1", [own.id])
    await publishTemplate(env, own.id)
    expect((await count(3))[2]!.data).toMatchObject({ template_require_active_version: true })
  })

  test("sends a change without a hint at the next review", async () => {
    const workspace = await givenWorkspace(owner, template)
    const agent = await givenAgent(workspace, workspace.build)
    const { count } = await watch(workspace.id, owner.token)
    await count(2)
    await query("update workspace_agents set lifecycle_state = 'off' where id = $1", [agent.id])
    await runDurableObjectAlarm(feedOf(workspace.id))
    expect((await count(3))[2]!.data).toMatchObject({ health: { failing_agents: [agent.id] } })
  })

  // An object that wakes is a new instance over the same sockets. Evicting the real one would wait
  // long for an open socket.
  test("sends no frame twice when the object has hibernated", async () => {
    const { id } = await givenWorkspace(owner, template)
    const { frames, count } = await watch(id, owner.token)
    await count(2)
    const wake = (then: (feed: WorkspaceFeed) => Promise<void>) =>
      runInDurableObject(feedOf(id), async (_, state) => {
        const feed = new WorkspaceFeed(state, env)
        await then(feed)
        await feed.settled()
      })
    await wake((feed) => feed.publish("workspace", [id]))
    await wake(async (feed) => feed.alarm())
    await rename(id, `woken-${id.slice(0, 8)}`)
    await wake((feed) => feed.publish("workspace", [id]))
    expect((await count(3))[2]!.data!.name).toBe(`woken-${id.slice(0, 8)}`)
    expect(frames).toHaveLength(3)
  })

  test("closes with 1002 when the client sends a frame", async () => {
    const { id } = await givenWorkspace(owner, template)
    const { socket, count, closed } = await watch(id, owner.token)
    await count(2)
    socket?.send("hello")
    expect(await closed()).toEqual({
      code: 1002,
      reason: "Clients cannot send messages for one-way WebSockets",
    })
  })

  test.each([
    ["the session is deleted", "delete from api_keys where user_id = $1"],
    [
      "the session ends",
      "update api_keys set expires_at = '2026-03-04T08:59:59Z' where user_id = $1",
    ],
    ["the account is suspended", "update users set status = 'suspended' where id = $1"],
    ["the right ends", "update users set site_roles = '{}' where id = $1"],
  ])("the review closes with 1008 when %s, and leaves other watchers open", async (_, change) => {
    const { id } = await givenWorkspace(owner, template)
    const watcher = await givenUser({ roles: ["template-admin"] })
    const [ending, staying] = await Promise.all([watch(id, watcher.token), watch(id, owner.token)])
    await Promise.all([ending.count(2), staying.count(2)])
    await query(change, [watcher.id])
    await runDurableObjectAlarm(feedOf(id))
    expect((await ending.closed())?.code).toBe(1008)
    await rename(id, `still-${id.slice(0, 8)}`)
    await publishWorkspaces(env, [id])
    expect((await staying.count(3))[2]!.data!.name).toBe(`still-${id.slice(0, 8)}`)
  })

  test("a watch and its review write nothing to the session", async () => {
    const { id } = await givenWorkspace(owner, template)
    const token = await givenKey(owner.id, { last_used_at: "2026-03-04T08:30:00Z" })
    const { count } = await watch(id, token)
    await count(2)
    await runDurableObjectAlarm(feedOf(id))
    const [key] = await query("select last_used_at from api_keys where id = $1", [
      token.split("-")[0],
    ])
    expect(new Date(key.last_used_at)).toEqual(new Date("2026-03-04T08:30:00Z"))
  })

  test("closes with 1013 when the session has fifty sockets of the shard", async () => {
    const { id } = await givenWorkspace(owner, template)
    const token = await givenKey(owner.id)
    const [keyId] = token.split("-")
    await runInDurableObject(feedOf(id), (_, state) => {
      for (let index = 0; index < 50; index++) {
        const { 0: near, 1: far } = new WebSocketPair()
        state.acceptWebSocket(far, ["workspace:none", `session:${keyId}`])
        far.serializeAttachment({ kind: "workspace", id: "none", keyId, workspaceId: null })
        near.accept()
      }
    })
    expect((await (await watch(id, token)).closed())?.code).toBe(1013)
    const other = await watch(id, owner.token)
    expect(await other.count(2)).toHaveLength(2)
    await runInDurableObject(feedOf(id), (_, state) => {
      for (const socket of state.getWebSockets(`session:${keyId}`)) socket.close(1000)
    })
  })

  test("answers the handshake with 401, 404 and 426", async () => {
    const { id } = await givenWorkspace(owner, template)
    const stranger = await givenUser()
    const headers = { Upgrade: "websocket" }
    expect((await fetchWorker(`/api/v2/workspaces/${id}/watch-ws`, { headers })).status).toBe(401)
    const hidden = await fetchWorker(`/api/v2/workspaces/${id}/watch-ws`, {
      headers,
      token: stranger.token,
    })
    expect(hidden.status).toBe(404)
    expect(
      (await fetchWorker(`/api/v2/workspaces/${id}/watch-ws`, { token: owner.token })).status,
    ).toBe(426)
  })
})

describe("watch", () => {
  test("sends a ping, the workspace, then each change, as events of one line", async () => {
    const { id } = await givenWorkspace(owner, template, running)
    const response = await fetchWorker(`/api/v2/workspaces/${id}/watch`, { token: owner.token })
    expect(response.status).toBe(200)
    expect(response.headers.get("Content-Type")).toBe("text/event-stream")
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ""
    const events = async (wanted: number) => {
      while (text.split("\n\n").length <= wanted) text += (await reader.read()).value ?? ""
      return text.split("\n\n")
    }
    const [ping, data] = await events(2)
    expect(ping).toBe("event: ping")
    expect(data!.startsWith("event: data\ndata: {")).toBe(true)
    expect(JSON.parse(data!.slice("event: data\ndata: ".length))).toMatchObject({ id })
    await query("update workspaces set name = 'streamed' where id = $1", [id])
    await publishWorkspaces(env, [id])
    expect((await events(3))[2]).toContain('"name":"streamed"')
    await reader.cancel()
  })
})
