// A post finds the domains that may run the jobs: one question for all of them, one daemon a job, wherever it listens.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { JobBoard } from "../../../src/index.ts"
import { connect } from "../../../src/platform/db/client.ts"
import { type PostedJob, postJobs } from "../../../src/queue/board/post.ts"
import { withFaults } from "../faults.ts"
import {
  givenOrganization,
  givenProvisioner,
  givenUser,
  type GivenOrganization,
} from "../given-people.ts"
import { givenPreset, givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"
import { daemonCall } from "./given-jobs.ts"
import { boardOf, countingQuestions, listen, untagged } from "./listening.ts"

beforeEach(() => at(epoch))
afterEach(() => vi.restoreAllMocks())

const zoneA = { ...untagged, zone: "a" }
const gpu = { ...zoneA, gpu: "1" }

const post = (...jobs: PostedJob[]) =>
  postJobs(env, { db: connect(env.DATABASE_URL), now: epoch }, jobs)
const job = (
  organization: GivenOrganization,
  tags: Record<string, string>,
  count = 1,
): PostedJob => ({
  organization_id: organization.id,
  provisioner: "terraform",
  tags,
  count,
})

/** What boards are told, as counts. */
const spyOnPosts = () => vi.spyOn(JobBoard.prototype, "post")

/** A daemon that listens in a domain of its own: its types and tags. */
async function givenListener(
  organization: GivenOrganization,
  tags: Record<string, string>,
  columns: Record<string, unknown> = {},
) {
  return listen(await givenProvisioner({ organization, tags, columns }))
}

describe("two domains of an organization", () => {
  test("a job that both may run wakes one daemon only, of the domain that can do the least beside it", async () => {
    const organization = await givenOrganization()
    const [special, plain] = [
      await givenListener(organization, gpu),
      await givenListener(organization, zoneA),
    ]
    const posts = spyOnPosts()
    await post(job(organization, zoneA))
    expect(posts.mock.calls).toEqual([[1]])
    await expect.poll(() => plain.frames).toEqual([{ type: "job" }])
    expect(special.frames).toEqual([])
  })

  test("a job that one of them may run wakes that one", async () => {
    const organization = await givenOrganization()
    const special = await givenListener(organization, gpu)
    const plain = await givenListener(organization, zoneA)
    const echo = await givenListener(organization, zoneA, { provisioners: ["echo"] })
    await post(job(organization, gpu))
    await expect.poll(() => special.frames).toHaveLength(1)
    await post({ ...job(organization, zoneA), provisioner: "echo" })
    await expect.poll(() => echo.frames).toHaveLength(1)
    expect([special.frames.length, plain.frames.length]).toEqual([1, 0])
  })

  test("where the first has too few with a free place, the next has the rest", async () => {
    const organization = await givenOrganization()
    const [special, plain] = [
      await givenListener(organization, gpu),
      await givenListener(organization, zoneA),
    ]
    const second = await givenListener(organization, zoneA)
    plain.say(0)
    await expect.poll(async () => (await boardOf(organization, zoneA)).post(2)).toBe(1)
    const before = second.frames.length
    const posts = spyOnPosts()
    await post(job(organization, zoneA, 2))
    expect(posts.mock.calls).toEqual([[2], [1]])
    await expect.poll(() => [second.frames.length - before, special.frames.length]).toEqual([1, 1])
  })

  test("what nobody was told of, each of them finds for itself", async () => {
    const organization = await givenOrganization()
    const owner = await givenUser({ organization })
    const template = await givenTemplate(owner)
    const [special, plain] = [
      await givenListener(organization, gpu),
      await givenListener(organization, zoneA),
    ]
    for (const tags of [zoneA, gpu])
      await givenWorkspace(owner, template, { build: { status: "pending", job: { tags } } })
    const deaf = { getByName: () => ({ post: () => Promise.reject(new Error("no such object")) }) }
    await postJobs(
      { ...env, JOB_BOARD: deaf as never },
      { db: connect(env.DATABASE_URL), now: epoch },
      [job(organization, zoneA), job(organization, gpu)],
    )
    for (const tags of [zoneA, gpu]) {
      const board = await boardOf(organization, tags)
      expect(await countingQuestions(() => runDurableObjectAlarm(board))).toBe(1)
    }
    await expect.poll(() => [special.frames.length, plain.frames.length]).toEqual([1, 1])
  })
})

test("an untagged job is for untagged daemons alone", async () => {
  const organization = await givenOrganization()
  const [tagged, plain] = [
    await givenListener(organization, zoneA),
    await givenListener(organization, untagged),
  ]
  await post(job(organization, untagged, 5))
  await expect.poll(() => plain.frames).toHaveLength(1)
  expect(tagged.frames).toEqual([])
})

test("daemons count as live for 90 seconds, and in their own organization", async () => {
  const organization = await givenOrganization()
  const other = await givenOrganization()
  const stale = { last_seen_at: new Date(epoch.getTime() - 90_001) }
  const barely = { last_seen_at: new Date(epoch.getTime() - 90_000) }
  await givenProvisioner({ organization, tags: gpu, columns: stale })
  await givenProvisioner({ organization: other, tags: zoneA })
  const posts = spyOnPosts()
  await post(job(organization, zoneA))
  expect(posts).not.toHaveBeenCalled()
  await givenProvisioner({ organization, tags: zoneA, columns: barely })
  await post(job(organization, zoneA))
  expect(posts).toHaveBeenCalledOnce()
})

test("a daemon that was stale is posted to from the moment on when it listens", async () => {
  const organization = await givenOrganization()
  const columns = { last_seen_at: new Date(epoch.getTime() - 3_600_000) }
  const { frames } = await givenListener(organization, zoneA, columns)
  await post(job(organization, zoneA))
  await expect.poll(() => frames).toHaveLength(1)
})

test("many jobs of few kinds are one question and one post a kind", async () => {
  const organization = await givenOrganization()
  const other = await givenOrganization()
  for (const tags of [untagged, gpu]) await givenProvisioner({ organization, tags })
  await givenProvisioner({ organization: other })
  const posts = spyOnPosts()
  const jobs = Array.from({ length: 300 }, (_, n) => [
    job(organization, untagged),
    // The same tags, however they are written down.
    job(organization, n % 2 === 0 ? gpu : Object.fromEntries(Object.entries(gpu).toReversed())),
    job(other, untagged, 2),
  ]).flat()
  expect(await countingQuestions(() => post(...jobs))).toBe(1)
  expect(posts.mock.calls.map(([count]) => count).toSorted((a, b) => a - b)).toEqual([
    300, 300, 600,
  ])
})

test("a tick posts once for each set of tags, whichever sweeps made the jobs", async () => {
  const organization = await givenOrganization()
  const owner = await givenUser({ organization })
  const template = await givenTemplate(owner)
  const provisioner = await givenProvisioner({
    organization,
    columns: { last_seen_at: afterEpoch(60_000) },
  })
  // One that the rules stop, a prebuild that the pool wants, and one whose start is queued behind a stop that has ended.
  await givenWorkspace(owner, template, { build: { columns: { deadline: epoch } } })
  await givenPreset(template.version.id, { columns: { desired_instances: 1 } })
  const restarted = await givenWorkspace(owner, template)
  const stop = await api(`/api/v2/workspaces/${restarted.id}/builds`, {
    token: owner.token,
    body: { transition: "stop", on_success: { transition: "start" } },
  })
  await daemonCall(provisioner, "acquire")
  await query("update provisioner_jobs set completed_at = $2 where id = $1", [
    stop.body.job.id,
    epoch,
  ])
  const posts = spyOnPosts()
  await tick(afterEpoch(60_000))
  expect(posts.mock.calls).toEqual([[3]])
})

test("nothing posted is nothing asked; a database that is away is survived", async () => {
  expect(await countingQuestions(() => post())).toBe(0)
  const { error } = await withFaults(
    () => "request_lost",
    async () => post(job(await givenOrganization(), untagged)),
  )
  expect(String(error)).not.toContain("post")
})

test("a build that a person asks for wakes a daemon that may run it, and no other organization's", async () => {
  const organization = await givenOrganization()
  const owner = await givenUser({ organization })
  const workspace = await givenWorkspace(owner, await givenTemplate(owner), {
    build: { transition: "stop" },
  })
  const [mine, theirs] = [
    await givenListener(organization, untagged),
    await givenListener(await givenOrganization(), untagged),
  ]
  at(afterEpoch(1_000))
  const made = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
    token: owner.token,
    body: { transition: "start" },
  })
  expect(made.status).toBe(201)
  await expect.poll(() => mine.frames).toEqual([{ type: "job" }])
  expect(theirs.frames).toEqual([])
  const [row] = await query("select job_status from provisioner_jobs where id = $1", [
    made.body.job.id,
  ])
  expect(row.job_status).toBe("pending")
})
