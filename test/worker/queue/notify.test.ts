// Notifying daemons of jobs: one query finds the domains, and each job wakes one daemon.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { JobBoard } from "../../../src/index.ts"
import { connect } from "../../../src/platform/db/client.ts"
import { type WaitingJob, notifyDaemons } from "../../../src/queue/notify/daemons.ts"
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
import { boardOf, countingCalls, listen, untagged } from "./listening.ts"

beforeEach(() => at(epoch))
afterEach(() => vi.restoreAllMocks())

const zoneA = { ...untagged, zone: "a" }
const gpu = { ...zoneA, gpu: "1" }

const notify = (...jobs: WaitingJob[]) =>
  notifyDaemons(env, { db: connect(env.DATABASE_URL), now: epoch }, jobs)
const job = (
  organization: GivenOrganization,
  tags: Record<string, string>,
  count = 1,
): WaitingJob => ({
  organization_id: organization.id,
  provisioner: "terraform",
  tags,
  count,
})

/** The counts that boards are notified of. */
const spyOnNotify = () => vi.spyOn(JobBoard.prototype, "notify")

/** A daemon that listens in a domain of its own types and tags. */
async function givenListener(
  organization: GivenOrganization,
  tags: Record<string, string>,
  columns: Record<string, unknown> = {},
) {
  return listen(await givenProvisioner({ organization, tags, columns }))
}

describe("two domains of an organization", () => {
  test("a job that both may run wakes one daemon of the less capable domain", async () => {
    const organization = await givenOrganization()
    const [special, plain] = [
      await givenListener(organization, gpu),
      await givenListener(organization, zoneA),
    ]
    const hints = spyOnNotify()
    await notify(job(organization, zoneA))
    expect(hints.mock.calls).toEqual([[1]])
    await expect.poll(() => plain.frames).toEqual([{ type: "job" }])
    expect(special.frames).toEqual([])
  })

  test("a job that one of them may run wakes only that one", async () => {
    const organization = await givenOrganization()
    const special = await givenListener(organization, gpu)
    const plain = await givenListener(organization, zoneA)
    const echo = await givenListener(organization, zoneA, { provisioners: ["echo"] })
    await notify(job(organization, gpu))
    await expect.poll(() => special.frames).toHaveLength(1)
    await notify({ ...job(organization, zoneA), provisioner: "echo" })
    await expect.poll(() => echo.frames).toHaveLength(1)
    expect([special.frames.length, plain.frames.length]).toEqual([1, 0])
  })

  test("the next domain gets the rest when the first has too few free slots", async () => {
    const organization = await givenOrganization()
    const [special, plain] = [
      await givenListener(organization, gpu),
      await givenListener(organization, zoneA),
    ]
    const second = await givenListener(organization, zoneA)
    plain.report(0)
    await expect.poll(async () => (await boardOf(organization, zoneA)).notify(2)).toBe(1)
    const before = second.frames.length
    const hints = spyOnNotify()
    await notify(job(organization, zoneA, 2))
    expect(hints.mock.calls).toEqual([[2], [1]])
    await expect.poll(() => [second.frames.length - before, special.frames.length]).toEqual([1, 1])
  })

  test("each board finds its jobs by itself when no hint arrived", async () => {
    const organization = await givenOrganization()
    const owner = await givenUser({ organization })
    const template = await givenTemplate(owner)
    const [special, plain] = [
      await givenListener(organization, gpu),
      await givenListener(organization, zoneA),
    ]
    for (const tags of [zoneA, gpu])
      await givenWorkspace(owner, template, { build: { status: "pending", job: { tags } } })
    const deaf = {
      getByName: () => ({ notify: () => Promise.reject(new Error("no such object")) }),
    }
    await notifyDaemons(
      { ...env, JOB_BOARD: deaf as never },
      { db: connect(env.DATABASE_URL), now: epoch },
      [job(organization, zoneA), job(organization, gpu)],
    )
    for (const tags of [zoneA, gpu]) {
      const board = await boardOf(organization, tags)
      expect(await countingCalls(() => runDurableObjectAlarm(board))).toBe(1)
    }
    await expect.poll(() => [special.frames.length, plain.frames.length]).toEqual([1, 1])
  })
})

test("an untagged job wakes untagged daemons only", async () => {
  const organization = await givenOrganization()
  const [tagged, plain] = [
    await givenListener(organization, zoneA),
    await givenListener(organization, untagged),
  ]
  await notify(job(organization, untagged, 5))
  await expect.poll(() => plain.frames).toHaveLength(1)
  expect(tagged.frames).toEqual([])
})

test("a daemon counts as live for 90 seconds, and only in its own organization", async () => {
  const organization = await givenOrganization()
  const other = await givenOrganization()
  const stale = { last_seen_at: new Date(epoch.getTime() - 90_001) }
  const barely = { last_seen_at: new Date(epoch.getTime() - 90_000) }
  await givenProvisioner({ organization, tags: gpu, columns: stale })
  await givenProvisioner({ organization: other, tags: zoneA })
  const hints = spyOnNotify()
  await notify(job(organization, zoneA))
  expect(hints).not.toHaveBeenCalled()
  await givenProvisioner({ organization, tags: zoneA, columns: barely })
  await notify(job(organization, zoneA))
  expect(hints).toHaveBeenCalledOnce()
})

test("a stale daemon gets hints again as soon as it listens", async () => {
  const organization = await givenOrganization()
  const columns = { last_seen_at: new Date(epoch.getTime() - 3_600_000) }
  const { frames } = await givenListener(organization, zoneA, columns)
  await notify(job(organization, zoneA))
  await expect.poll(() => frames).toHaveLength(1)
})

test("many jobs of few kinds cost one query and one hint per kind", async () => {
  const organization = await givenOrganization()
  const other = await givenOrganization()
  for (const tags of [untagged, gpu]) await givenProvisioner({ organization, tags })
  await givenProvisioner({ organization: other })
  const hints = spyOnNotify()
  const jobs = Array.from({ length: 300 }, (_, n) => [
    job(organization, untagged),
    // The same tags in another order.
    job(organization, n % 2 === 0 ? gpu : Object.fromEntries(Object.entries(gpu).toReversed())),
    job(other, untagged, 2),
  ]).flat()
  expect(await countingCalls(() => notify(...jobs))).toBe(1)
  expect(hints.mock.calls.map(([count]) => count).toSorted((a, b) => a - b)).toEqual([
    300, 300, 600,
  ])
})

test("a tick notifies once per set of tags, whichever sweeps made the jobs", async () => {
  const organization = await givenOrganization()
  const owner = await givenUser({ organization })
  const template = await givenTemplate(owner)
  const provisioner = await givenProvisioner({
    organization,
    columns: { last_seen_at: afterEpoch(60_000) },
  })
  // A workspace past its deadline, a pool that wants a prebuild, and a start queued after a stop.
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
  const hints = spyOnNotify()
  await tick(afterEpoch(60_000))
  expect(hints.mock.calls).toEqual([[3]])
})

test("notifying of no job queries nothing, and a database failure is survived", async () => {
  expect(await countingCalls(() => notify())).toBe(0)
  const { error } = await withFaults(
    () => "request_lost",
    async () => notify(job(await givenOrganization(), untagged)),
  )
  expect(String(error)).not.toContain("notify")
})

test("a person's build wakes a daemon of its organization and no other", async () => {
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
