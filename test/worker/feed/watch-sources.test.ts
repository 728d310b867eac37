// A watcher sees each change by its hint, long before the review: a person's, a tick's, a daemon's.
//
// A reading follows a hint within a second. The review comes after 45 s, later than `until` waits.
import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { feedName, publishInbox } from "../../../src/platform/durable/publish.ts"
import { givenOrganization, givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, fetchWorker, query, tick } from "../harness.ts"
import { openSocket } from "../open-socket.ts"
import { daemonCall } from "../queue/given-jobs.ts"
import { until } from "../until.ts"

type WorkspaceFrame = {
  data?: {
    latest_build: {
      status: string
      reason: string
      resources: { agents?: { lifecycle_state: string }[] }[]
    }
  }
}

describe("a watcher of a workspace sees", () => {
  let owner: GivenUser
  let template: GivenTemplate

  beforeAll(async () => {
    owner = await givenUser()
    template = await givenTemplate(await givenUser({ roles: ["owner"] }))
  })

  /** Opens a watch, makes the change, and waits for a frame whose build satisfies `isIt`. */
  async function sees(
    id: string,
    change: () => Promise<unknown>,
    isIt: (build: NonNullable<WorkspaceFrame["data"]>["latest_build"]) => boolean,
    person = owner,
  ): Promise<void> {
    const path = `/api/v2/workspaces/${id}/watch-ws`
    const { frames, count } = await openSocket<WorkspaceFrame>(path, person.token)
    await count(2)
    await change()
    await until(() => frames.some(({ data }) => data !== undefined && isIt(data.latest_build)))
  }

  test("a build that another person requested", async () => {
    const admin = await givenUser({ roles: ["owner"] })
    const { id } = await givenWorkspace(owner, template)
    const stop = () =>
      api(`/api/v2/workspaces/${id}/builds`, { token: admin.token, body: { transition: "stop" } })
    await sees(id, stop, (build) => build.status === "pending")
  })

  test("a stop by the tick", async () => {
    const { id } = await givenWorkspace(owner, template, {
      build: { columns: { deadline: afterEpoch(60_000) } },
    })
    await givenProvisioner()
    const run = () => tick(afterEpoch(60_000))
    await sees(id, run, (build) => build.reason === "autostop")
    at(epoch)
  })

  test("a build that a provisioner acquired, and its failure", async () => {
    const organization = await givenOrganization()
    const person = await givenUser({ organization })
    const provisioner = await givenProvisioner({ organization })
    const { id } = await givenWorkspace(person, await givenTemplate(person), {
      build: { status: "pending" },
    })
    let jobId = ""
    const acquire = async () => {
      jobId = (await daemonCall(provisioner, "acquire")).body.job_id
    }
    await sees(id, acquire, (build) => build.status === "starting", person)
    const fail = () => daemonCall(provisioner, `jobs/${jobId}/fail`, { error: "no more room" })
    await sees(id, fail, (build) => build.status === "failed", person)
  })

  test("a report of its agent", async () => {
    const workspace = await givenWorkspace(owner, template)
    const agent = await givenAgent(workspace, workspace.build, {
      columns: { lifecycle_state: "created" },
    })
    const report = () =>
      api("/api/v2/workspaceagents/me/report-lifecycle", {
        token: agent.token,
        body: { state: "starting", changed_at: "2026-03-04T09:00:00Z" },
      })
    await sees(
      workspace.id,
      report,
      ({ resources }) => resources[0]?.agents?.[0]?.lifecycle_state === "starting",
    )
  })
})

describe("a followed job log", () => {
  test("sends each follower the lines after its own, live, until the job ends", async () => {
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
    const follow = (query: string) =>
      openSocket<{ output: string }>(`${path}?follow${query}`, person.token)
    const [all, rest] = await Promise.all([follow(""), follow(`=true&after=${first.id}`)])
    const lines = () => [all, rest].map(({ frames }) => frames.map(({ output }) => output))
    await Promise.all([all.count(2), rest.count(1)])
    expect(lines()).toEqual([["one", "two"], ["two"]])
    await say("three")
    await Promise.all([all.count(3), rest.count(2)])
    await daemonCall(provisioner, `jobs/${job.job_id}/fail`, { error: "no more room" })
    const closes = await Promise.all([all.closed(), rest.closed()])
    expect(closes.map((close) => close?.code)).toEqual([1000, 1000])
    expect(lines()).toEqual([
      ["one", "two", "three"],
      ["two", "three"],
    ])
  })
})

describe("a watcher of an inbox sees", () => {
  type InboxFrame = { notification: { title: string }; unread_count: number }

  /** Opens a watch and waits until its first reading is done, which may send nothing. */
  async function watchInbox(user: GivenUser, search = "") {
    const path = `/api/v2/notifications/inbox/watch${search}`
    const watch = await openSocket<InboxFrame>(path, user.token)
    await env.WORKSPACE_FEED.getByName(feedName(user.id)).settled()
    return watch
  }

  async function notify(
    userId: string,
    title: string,
    targets: string[],
    createdAt = afterEpoch(60_000),
  ) {
    await query(
      `insert into inbox_notifications
         (id, user_id, template_id, targets, title, content, created_at)
       values (gen_random_uuid(), $1, gen_random_uuid(), $2, $3, 'text', $4)`,
      [userId, targets, title, createdAt],
    )
    await publishInbox(env, [userId])
  }

  test("what arrives and matches, with the number of unread notifications", async () => {
    const owner = await givenUser()
    const other = await givenUser()
    const target = crypto.randomUUID()
    const { frames, count } = await watchInbox(owner, `?format=plaintext&targets=${target}`)
    await notify(owner.id, "of something else", [crypto.randomUUID()])
    await notify(other.id, "somebody else's", [target])
    await notify(owner.id, "this one", [crypto.randomUUID(), target])
    await count(1)
    expect(frames.map((frame) => [frame.notification.title, frame.unread_count])).toEqual([
      ["this one", 2],
    ])
  })

  test("what arrives late with its tick's minute, and nothing that existed before", async () => {
    const owner = await givenUser()
    await notify(owner.id, "existed before", [], afterEpoch(-30_000))
    const { frames, count } = await watchInbox(owner)
    await notify(owner.id, "of the tick before", [], afterEpoch(-30_000))
    await notify(owner.id, "of now", [], afterEpoch(0))
    await count(2)
    expect(frames.map((frame) => frame.notification.title)).toEqual([
      "of the tick before",
      "of now",
    ])
  })

  test.each(["targets=x", "templates=1,2", "read_status=maybe", "format=html"])(
    "no handshake with %s, but a 400",
    async (search) => {
      const owner = await givenUser()
      const response = await fetchWorker(`/api/v2/notifications/inbox/watch?${search}`, {
        token: owner.token,
        headers: { Upgrade: "websocket" },
      })
      expect(response.status).toBe(400)
    },
  )
})
