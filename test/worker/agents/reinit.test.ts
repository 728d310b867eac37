// The agent of a prebuild waits for the claim. After the claim its token is good for nothing else.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { afterEach, describe, expect, test } from "vitest"
import { hubOf } from "../../../src/agents/hub/calls.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker } from "../harness.ts"
import { reconcile } from "../pools/given-pools.ts"
import {
  claim,
  completeJob,
  failJob,
  givenWorld,
  runJob,
  takeJob,
  tokenOf,
} from "../pools/given-world.ts"
import { until } from "../until.ts"

const path = "/api/v2/workspaceagents/me/reinit"
const readers: ReadableStreamDefaultReader<Uint8Array>[] = []
afterEach(async () => {
  await Promise.all(readers.splice(0).map((reader) => reader.cancel()))
})

/** An open stream: its text so far, its data events, and whether it has ended. */
async function hold(token: string, query = "?wait=true") {
  const response = await fetchWorker(path + query, { token })
  expect(response.status).toBe(200)
  expect(response.headers.get("Content-Type")).toBe("text/event-stream")
  const reader = response.body!.getReader()
  readers.push(reader)
  const stream = { text: "", isOver: false, events: () => eventsIn(stream.text) }
  void (async () => {
    const decoder = new TextDecoder()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      stream.text += decoder.decode(value)
    }
    stream.isOver = true
  })().catch(() => undefined)
  await until(() => stream.text.startsWith("event: ping\n\n"))
  return stream
}

function eventsIn(text: string): unknown[] {
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("event: data\n"))
    .map((event) => JSON.parse(event.slice("event: data\ndata: ".length)))
}

/** A world with one ready prebuild, whose agent's token is known. */
async function givenReady() {
  const world = await givenWorld()
  at(epoch)
  await reconcile(epoch)
  const job = await runJob(world, epoch)
  return { world, id: String(job.build.workspace.id), token: tokenOf(job) }
}

const statusOf = async (token: string, query = "?wait=true") => {
  const response = await fetchWorker(path + query, { token })
  await response.body?.cancel()
  return response.status
}
const manifestStatus = async (token: string) =>
  (await api("/api/v2/workspaceagents/me/manifest", { token })).status

test("a waiting agent is notified when the claim's build succeeds; its token ends", async () => {
  const { world, id, token } = await givenReady()
  const waiting = await hold(token)
  const plain = await hold(token, "")
  expect((await claim(world)).body.id).toBe(id)

  // During the claim's build the token is good for this stream and for nothing else.
  expect(await manifestStatus(token)).toBe(401)
  const late = await hold(token)
  const job = await takeJob(world, epoch)
  expect([waiting, plain, late].flatMap((stream) => stream.events())).toEqual([])
  await completeJob(world, job)

  const event = { workspace_id: id, reason: "prebuild_claimed", owner_id: world.owner.id }
  for (const stream of [waiting, plain, late]) {
    await until(() => stream.isOver)
    expect(stream.events()).toEqual([event])
  }
  expect(await statusOf(token)).toBe(401)
  expect(await statusOf(token, "")).toBe(401)

  // The agent of the new token asks after the claim: it is notified at once and may stay.
  const next = await hold(tokenOf(job))
  await until(() => next.events().length > 0)
  expect(next.events()).toEqual([event])
  expect(next.isOver).toBe(false)
})

test("streams end without an event when the claim's build fails; the token ends", async () => {
  const { world, token } = await givenReady()
  const waiting = await hold(token)
  await claim(world)
  await failJob(world, await takeJob(world, epoch), "no capacity")
  await until(() => waiting.isOver)
  expect(waiting.events()).toEqual([])
  expect(await statusOf(token)).toBe(401)
  expect(await manifestStatus(token)).toBe(401)
})

test("the pool's agent loses its socket at the claim, before the build has ended", async () => {
  const { world, id, token } = await givenReady()
  const response = await fetchWorker(`/api/v2/workspaceagents/me/connect?workspace_id=${id}`, {
    token,
    headers: { Upgrade: "websocket" },
  })
  const closes: number[] = []
  response.webSocket!.accept()
  response.webSocket!.addEventListener("close", (event) => closes.push(event.code))
  await claim(world)
  await until(() => closes.length > 0)
  expect(closes).toEqual([4001])
})

test("a waiting agent is refused for good after another build by its owner", async () => {
  const { world, id } = await givenReady()
  await claim(world)
  await runJob(world, epoch)
  for (const transition of ["stop", "start"]) {
    await api(`/api/v2/workspaces/${id}/builds`, { token: world.owner.token, body: { transition } })
    const job = await runJob(world, epoch)
    if (transition === "start") {
      expect(await statusOf(tokenOf(job))).toBe(409)
      expect(await statusOf(tokenOf(job), "?wait=false")).toBe(200)
    }
  }
})

describe("a claim that ends between the read and the subscription", () => {
  const passOn: typeof fetch = neonConfig.fetchFunction
  afterEach(() => {
    neonConfig.fetchFunction = passOn
  })

  /** Opens the stream, and runs `then` between the database's answer and the hub's. */
  async function holdAround(token: string, then: () => Promise<unknown>) {
    const gate = { isReached: false, isReleased: false }
    neonConfig.fetchFunction = async (...call: Parameters<typeof fetch>) => {
      const body = call[1]?.body
      if (typeof body !== "string" || !body.includes("began_in_pool")) return passOn(...call)
      neonConfig.fetchFunction = passOn
      const response = await passOn(...call)
      const text = await response.text()
      gate.isReached = true
      while (!gate.isReleased) await scheduler.wait(5)
      return new Response(text, response)
    }
    const holding = hold(token)
    await until(() => gate.isReached)
    await then()
    gate.isReleased = true
    return holding
  }

  for (const [name, then] of [
    ["is reported at once", async () => {}],
    [
      "is reported by a hub that was evicted in between",
      (id: string) => evictDurableObject(hubOf(env, id)),
    ],
  ] as const) {
    test(name, async () => {
      const { world, id, token } = await givenReady()
      await claim(world)
      const job = await takeJob(world, epoch)
      at(afterEpoch(30_000))
      const stream = await holdAround(token, async () => {
        await completeJob(world, job)
        await untilChanged(id, afterEpoch(30_000))
        await then(id)
      })
      await until(() => stream.isOver)
      expect(stream.events()).toEqual([
        { workspace_id: id, reason: "prebuild_claimed", owner_id: world.owner.id },
      ])
    })
  }

  test("a stream reads once when no build has changed lately, and the hub forgets", async () => {
    const { id, token } = await givenReady()
    await untilChanged(id, epoch)
    let reads = 0
    neonConfig.fetchFunction = (...call: Parameters<typeof fetch>) => {
      const body = call[1]?.body
      if (typeof body === "string" && body.includes("began_in_pool")) reads += 1
      return passOn(...call)
    }
    at(afterEpoch(10_000))
    await hold(token)
    await until(() => reads === 2)
    reads = 0
    at(afterEpoch(10_001))
    await hold(token)
    await runDurableObjectAlarm(hubOf(env, id))
    expect(await changedAt(id)).toBe(epoch.getTime())
    at(afterEpoch(120_001))
    await runDurableObjectAlarm(hubOf(env, id))
    expect(await changedAt(id)).toBeNull()
    expect(reads).toBe(1)
  })

  /** When the hub was last notified of a build change, which happens behind the answer. */
  const changedAt = (id: string) =>
    runInDurableObject(hubOf(env, id), (_, state) => {
      const { sql } = state.storage
      if (
        sql.exec("select 1 from sqlite_master where name = 'build_change'").toArray().length === 0
      )
        return null
      return (
        sql.exec<{ at_ms: number }>("select at_ms from build_change").toArray()[0]?.at_ms ?? null
      )
    })
  const untilChanged = (id: string, at: Date) =>
    until(async () => (await changedAt(id)) === at.getTime())
})

describe("the agent of a workspace that a person owns", () => {
  async function givenClaimed(claimBuild: Parameters<typeof givenBuild>[1]) {
    const user = await givenUser()
    const workspace = await givenWorkspace(user, await givenTemplate(user), {
      build: { columns: { initiator_id: prebuildsUserId }, job: { initiator_id: prebuildsUserId } },
    })
    const build = await givenBuild(workspace, claimBuild)
    return (await givenAgent(workspace, build)).token
  }
  const claimed = { job: { input: { prebuilt_workspace_stage: 2 } } }

  test("is answered 409 when it was never a prebuild, unless it does not wait", async () => {
    const user = await givenUser()
    const workspace = await givenWorkspace(user, await givenTemplate(user))
    const { token } = await givenAgent(workspace, workspace.build)
    const refused = await api(`${path}?wait=true`, { token })
    expect(refused).toMatchObject({
      status: 409,
      body: { message: "The workspace was never a prebuild." },
    })
    await hold(token, "")
  })

  test("is answered 409 with the job's error when the claim's build failed", async () => {
    const token = await givenClaimed({
      ...claimed,
      status: "failed",
      job: { ...claimed.job, error: "the machine is gone" },
    })
    expect(await api(`${path}?wait=true`, { token })).toMatchObject({
      status: 409,
      body: { message: "the machine is gone" },
    })
  })

  test("waits while the claim's build runs or when the pool built it last", async () => {
    await hold(await givenClaimed({ ...claimed, status: "running" }))
    await hold(await givenClaimed({ columns: { initiator_id: prebuildsUserId } }))
  })
})

test("a stream without a good token or with a bad flag is refused", async () => {
  expect((await api(path)).status).toBe(401)
  expect((await api(path, { token: "nonsense" })).body.message).toBe(
    "Workspace agent token invalid.",
  )
  const token = crypto.randomUUID()
  const unknown = await api(path, { token })
  expect(unknown.status).toBe(401)
  // The same text as authentication's.
  expect(unknown.body).toEqual((await api("/api/v2/workspaceagents/me/manifest", { token })).body)
  const { token: good } = await givenReady()
  expect((await api(`${path}?wait=perhaps`, { token: good })).status).toBe(400)
})
