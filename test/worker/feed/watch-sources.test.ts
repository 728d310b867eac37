// Whoever makes a change, a watcher sees it within two seconds: another person, the tick, the provisioner, the agent.
import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { publishInbox } from "../../../src/platform/durable/publish.ts"
import { givenOrganization, givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query, tick } from "../harness.ts"
import { daemonCall } from "../queue/given-jobs.ts"

const withinMs = 2_000

type Frame = {
  /** Of a workspace. */
  data?: {
    name: string
    latest_build: {
      status: string
      reason: string
      resources: { agents?: { lifecycle_state: string }[] }[]
    }
  }
  /** Of an inbox. */
  notification?: { title: string; targets: string[] }
  unread_count?: number
}

/** Opens a watch, and says how long after `change` the first frame came for which `isIt` holds. */
async function delayOf(
  path: string,
  token: string,
  change: () => Promise<unknown>,
  isIt: (frame: Frame) => boolean,
): Promise<number> {
  const response = await fetchWorker(path, { token, headers: { Upgrade: "websocket" } })
  expect(response.status).toBe(101)
  const socket = response.webSocket!
  const seen = Promise.withResolvers<number>()
  const opened = Promise.withResolvers<void>()
  let changedAtMs = Infinity
  socket.addEventListener("message", (event) => {
    opened.resolve()
    if (isIt(JSON.parse(String(event.data)) as Frame)) seen.resolve(performance.now() - changedAtMs)
  })
  socket.accept()
  // An inbox shows nothing at first; a workspace shows itself.
  await Promise.race([opened.promise, scheduler.wait(1_500)])
  await change()
  changedAtMs = performance.now()
  const delayMs = await Promise.race([
    seen.promise,
    scheduler.wait(withinMs + 3_000).then(() => Infinity),
  ])
  socket.close(1000)
  return delayMs
}

describe("a watcher sees within two seconds", () => {
  let owner: GivenUser
  let template: GivenTemplate

  beforeAll(async () => {
    owner = await givenUser()
    template = await givenTemplate(await givenUser({ roles: ["owner"] }))
  })

  const watchOf = (id: string) => `/api/v2/workspaces/${id}/watch-ws`

  test("that another person asked for a build", async () => {
    const admin = await givenUser({ roles: ["owner"] })
    const { id } = await givenWorkspace(owner, template)
    const stop = () =>
      api(`/api/v2/workspaces/${id}/builds`, { token: admin.token, body: { transition: "stop" } })
    const delayMs = await delayOf(
      watchOf(id),
      owner.token,
      stop,
      (frame) => frame.data?.latest_build.status === "pending",
    )
    expect(delayMs).toBeLessThan(withinMs)
  })

  test("that the tick stopped it", async () => {
    const { id } = await givenWorkspace(owner, template, {
      build: { columns: { deadline: afterEpoch(60_000) } },
    })
    await givenProvisioner()
    const delayMs = await delayOf(
      watchOf(id),
      owner.token,
      () => tick(afterEpoch(60_000)),
      (frame) => frame.data?.latest_build.reason === "autostop",
    )
    at(epoch)
    expect(delayMs).toBeLessThan(withinMs)
  })

  test("that a provisioner took its build, and that it failed", async () => {
    const organization = await givenOrganization()
    const person = await givenUser({ organization })
    const own = await givenTemplate(person)
    const provisioner = await givenProvisioner({ organization })
    const { id } = await givenWorkspace(person, own, { build: { status: "pending" } })
    let jobId = ""
    const take = async () => {
      jobId = (await daemonCall(provisioner, "acquire")).body.job_id
    }
    const takenMs = await delayOf(
      watchOf(id),
      person.token,
      take,
      (frame) => frame.data?.latest_build.status === "starting",
    )
    expect(takenMs).toBeLessThan(withinMs)
    const failedMs = await delayOf(
      watchOf(id),
      person.token,
      () => daemonCall(provisioner, `jobs/${jobId}/fail`, { error: "no more room" }),
      (frame) => frame.data?.latest_build.status === "failed",
    )
    expect(failedMs).toBeLessThan(withinMs)
  })

  test("what its agent says of itself", async () => {
    const workspace = await givenWorkspace(owner, template)
    const agent = await givenAgent(workspace, workspace.build, {
      columns: { lifecycle_state: "created" },
    })
    const report = () =>
      api("/api/v2/workspaceagents/me/report-lifecycle", {
        token: agent.token,
        body: { state: "starting", changed_at: "2026-03-04T09:00:00Z" },
      })
    const delayMs = await delayOf(
      watchOf(workspace.id),
      owner.token,
      report,
      (frame) => frame.data?.latest_build.resources[0]?.agents?.[0]?.lifecycle_state === "starting",
    )
    expect(delayMs).toBeLessThan(withinMs)
  })
})

describe("a job's log", () => {
  test("is one reading for all who follow it: each from where they are, live, to the end", async () => {
    const organization = await givenOrganization()
    const person = await givenUser({ organization })
    const provisioner = await givenProvisioner({ organization })
    const { build } = await givenWorkspace(person, await givenTemplate(person), {
      build: { status: "pending" },
    })
    const { body: job } = await daemonCall(provisioner, "acquire")
    const say = (output: string) =>
      daemonCall(provisioner, `jobs/${job.job_id}/update`, {
        logs: [{ created_at: "2026-03-04T09:00:00Z", level: "info", stage: "Running", output }],
      })
    await say("one")
    await say("two")
    const path = `/api/v2/workspacebuilds/${build.id}/logs`
    const [first] = (await api(path, { token: person.token })).body
    const follow = async (query: string) => {
      const response = await fetchWorker(`${path}?follow${query}`, {
        token: person.token,
        headers: { Upgrade: "websocket" },
      })
      const lines: string[] = []
      const closed = Promise.withResolvers<number>()
      const socket = response.webSocket!
      socket.addEventListener("message", (event) => {
        lines.push((JSON.parse(String(event.data)) as { output: string }).output)
      })
      socket.addEventListener("close", ({ code }) => closed.resolve(code))
      socket.accept()
      return { lines, closed: closed.promise }
    }
    const [all, rest] = await Promise.all([follow(""), follow(`=true&after=${first.id}`)])
    await scheduler.wait(1_500)
    expect([all.lines, rest.lines]).toEqual([["one", "two"], ["two"]])
    await say("three")
    await scheduler.wait(withinMs)
    expect([all.lines.at(-1), rest.lines.at(-1)]).toEqual(["three", "three"])
    await daemonCall(provisioner, `jobs/${job.job_id}/fail`, { error: "no more room" })
    expect(await Promise.all([all.closed, rest.closed])).toEqual([1000, 1000])
    expect([all.lines, rest.lines]).toEqual([
      ["one", "two", "three"],
      ["two", "three"],
    ])
  })
})

describe("the inbox", () => {
  /** A notification of `userId`, made one minute after the epoch. */
  async function notify(
    userId: string,
    title: string,
    targets: string[],
    madeAt = afterEpoch(60_000),
  ) {
    await query(
      `insert into inbox_notifications (id, user_id, template_id, targets, title, content, created_at)
       values (gen_random_uuid(), $1, gen_random_uuid(), $2, $3, 'text', $4)`,
      [userId, targets, title, madeAt],
    )
    await publishInbox(env, [userId])
  }

  test("shows what arrives and matches, with the count of the unread", async () => {
    const owner = await givenUser()
    const other = await givenUser()
    const target = crypto.randomUUID()
    const frames: Frame[] = []
    const delayMs = await delayOf(
      `/api/v2/notifications/inbox/watch?format=plaintext&targets=${target}`,
      owner.token,
      async () => {
        await notify(owner.id, "of something else", [crypto.randomUUID()])
        await notify(other.id, "somebody else's", [target])
        await notify(owner.id, "this one", [crypto.randomUUID(), target])
      },
      (frame) => frames.push(frame) > 0,
    )
    expect(delayMs).toBeLessThan(withinMs)
    expect(frames.map((frame) => [frame.notification?.title, frame.unread_count])).toEqual([
      ["this one", 2],
    ])
  })

  test("shows what arrives late under the minute of its tick, and not what had been there", async () => {
    const owner = await givenUser()
    await notify(owner.id, "had been there", [], afterEpoch(-30_000))
    const frames: Frame[] = []
    await delayOf(
      "/api/v2/notifications/inbox/watch",
      owner.token,
      async () => {
        await notify(owner.id, "of the tick before", [], afterEpoch(-30_000))
        await notify(owner.id, "of now", [], afterEpoch(0))
      },
      (frame) => frames.push(frame) === 2,
    )
    expect(frames.map((frame) => frame.notification?.title)).toEqual([
      "of the tick before",
      "of now",
    ])
  })

  test.each(["targets=x", "templates=1,2", "read_status=maybe", "format=html"])(
    "%s is refused",
    async (q) => {
      const owner = await givenUser()
      const response = await fetchWorker(`/api/v2/notifications/inbox/watch?${q}`, {
        token: owner.token,
        headers: { Upgrade: "websocket" },
      })
      expect(response.status).toBe(400)
    },
  )
})
