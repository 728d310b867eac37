// Watching with real WebSockets and real event streams: which frames come, in which order, and when a watch ends.
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

/** A socket as clients use one: they listen after the handshake. */
async function watch(id: string, token: string) {
  const response = await fetchWorker(`/api/v2/workspaces/${id}/watch-ws`, {
    token,
    headers: { Upgrade: "websocket" },
  })
  expect(response.status).toBe(101)
  const socket = response.webSocket!
  const frames: Frame[] = []
  const closed = Promise.withResolvers<{ code: number; reason: string }>()
  socket.addEventListener("message", (event) => {
    frames.push(JSON.parse(String(event.data)) as Frame)
  })
  socket.addEventListener("close", ({ code, reason }) => closed.resolve({ code, reason }))
  socket.accept()
  const count = async (wanted: number) => {
    for (let wait = 0; frames.length < wanted && wait < 60; wait++) await scheduler.wait(50)
    return frames
  }
  return { socket, frames, closed: closed.promise, count }
}

const feedOf = (id: string) => env.WORKSPACE_FEED.getByName(feedName(id))
const deadline = "2026-03-04T10:00:00Z"
const running = { build: { columns: { deadline } } }

describe("watch-ws", () => {
  test("a ping, the workspace, then each change, in order, and nothing else", async () => {
    const { id } = await givenWorkspace(owner, template, running)
    const { frames, count, socket } = await watch(id, owner.token)
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
    await publishWorkspaces(env, [id])
    await query("update workspaces set name = 'renamed' where id = $1", [id])
    await publishWorkspaces(env, [id])
    expect((await count(4))[3]!.data!.name).toBe("renamed")
    await scheduler.wait(1200)
    expect(frames).toHaveLength(4)
    socket.close(1000)
  })

  test("two people see the same thing, each their own favourite", async () => {
    const { id } = await givenWorkspace(owner, template, { columns: { favorite: true } })
    const [own, others] = await Promise.all([watch(id, owner.token), watch(id, admin.token)])
    const [first, second] = await Promise.all([own.count(2), others.count(2)])
    expect(first[1]!.data).toMatchObject({ id, favorite: true })
    expect(second[1]!.data).toMatchObject({ id, favorite: false })
    own.socket.close(1000)
    others.socket.close(1000)
  })

  test("a burst of hints is one frame, with the last state", async () => {
    const { id } = await givenWorkspace(owner, template, running)
    const neighbour = await givenWorkspace(owner, template, running)
    const watching = await watch(id, owner.token)
    const beside = await watch(neighbour.id, owner.token)
    await Promise.all([watching.count(2), beside.count(2)])
    for (let step = 1; step <= 10; step++) {
      await query("update workspaces set name = $2 where id = $1", [id, `burst-${step}`])
      await publishWorkspaces(env, [id])
    }
    for (let wait = 0; watching.frames.at(-1)!.data!.name !== "burst-10" && wait < 60; wait++) {
      await scheduler.wait(50)
    }
    expect(watching.frames.at(-1)!.data!.name).toBe("burst-10")
    expect(watching.frames.length).toBeLessThanOrEqual(5)
    expect(beside.frames).toHaveLength(2)
    watching.socket.close(1000)
    beside.socket.close(1000)
  })

  test("a new active version of the template reaches the watchers of its workspaces", async () => {
    const own = await givenTemplate(admin)
    const { id } = await givenWorkspace(owner, own)
    const { count, socket } = await watch(id, owner.token)
    await count(2)
    await query("update templates set require_active_version = true where id = $1", [own.id])
    await publishTemplate(env, own.id)
    expect((await count(3))[2]!.data).toMatchObject({ template_require_active_version: true })
    socket.close(1000)
  })

  test("the review finds what no hint told of", async () => {
    const workspace = await givenWorkspace(owner, template)
    const agent = await givenAgent(workspace, workspace.build)
    const { count, socket } = await watch(workspace.id, owner.token)
    await count(2)
    await query("update workspace_agents set lifecycle_state = 'off' where id = $1", [agent.id])
    await runDurableObjectAlarm(feedOf(workspace.id))
    expect((await count(3))[2]!.data).toMatchObject({ health: { failing_agents: [agent.id] } })
    socket.close(1000)
  })

  // An object that wakes is a new one over the same sockets. (Evicting the real one waits long for a socket that is open.)
  test("an object that wakes goes on where it was: sockets stay, and nobody gets a frame twice", async () => {
    const { id } = await givenWorkspace(owner, template)
    const { frames, count, socket } = await watch(id, owner.token)
    await count(2)
    const wake = (then: (feed: WorkspaceFeed) => Promise<void>) =>
      runInDurableObject(feedOf(id), (_, state) => then(new WorkspaceFeed(state, env)))
    await wake((feed) => feed.publish("workspace", [id]))
    await wake(async (feed) => feed.alarm())
    await scheduler.wait(300)
    expect(frames).toHaveLength(2)
    await query("update workspaces set name = $2 where id = $1", [id, `woken-${id.slice(0, 8)}`])
    await wake((feed) => feed.publish("workspace", [id]))
    expect((await count(3))[2]!.data!.name).toBe(`woken-${id.slice(0, 8)}`)
    socket.close(1000)
  })

  test("whoever speaks is closed with 1002", async () => {
    const { id } = await givenWorkspace(owner, template)
    const { socket, count, closed } = await watch(id, owner.token)
    await count(2)
    socket.send("hello")
    expect(await closed).toEqual({
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
  ])(
    "a watch is closed at the next review when %s, in a way that makes clients ask again",
    async (_, change) => {
      const { id } = await givenWorkspace(owner, template)
      const watcher = await givenUser({ roles: ["template-admin"] })
      const [ending, staying] = await Promise.all([
        watch(id, watcher.token),
        watch(id, owner.token),
      ])
      await Promise.all([ending.count(2), staying.count(2)])
      await query(change, [watcher.id])
      await runDurableObjectAlarm(feedOf(id))
      expect((await ending.closed).code).toBe(1008)
      await query("update workspaces set name = $2 where id = $1", [id, `still-${id.slice(0, 8)}`])
      await publishWorkspaces(env, [id])
      expect((await staying.count(3))[2]!.data!.name).toBe(`still-${id.slice(0, 8)}`)
      staying.socket.close(1000)
    },
  )

  test("watching writes nothing to the session", async () => {
    const { id } = await givenWorkspace(owner, template)
    const token = await givenKey(owner.id, { last_used_at: "2026-03-04T08:30:00Z" })
    const { count, socket } = await watch(id, token)
    await count(2)
    await runDurableObjectAlarm(feedOf(id))
    const [key] = await query("select last_used_at from api_keys where id = $1", [
      token.split("-")[0],
    ])
    expect(new Date(key.last_used_at)).toEqual(new Date("2026-03-04T08:30:00Z"))
    socket.close(1000)
  })

  test("401, 404 and 426 are answers to the handshake", async () => {
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
  test("a ping, the workspace, then each change, as events of one line", async () => {
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
