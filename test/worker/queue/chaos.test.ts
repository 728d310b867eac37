// The queue under trouble, in a short form: nothing is lost, and nothing runs to completion twice.
import { beforeEach, expect, test } from "vitest"
import {
  givenOrganization,
  givenProvisioner,
  givenUser,
  type GivenProvisioner,
} from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, at, epoch, query, tick } from "../harness.ts"
import { daemonCall } from "./given-jobs.ts"

const jobCount = 12
const daemonCount = 4
const callsMax = 200

beforeEach(() => at(epoch))

async function givenFleet() {
  const organization = await givenOrganization()
  const user = await givenUser({ organization })
  const template = await givenTemplate(user)
  const jobs: string[] = []
  const workspaces = []
  for (let made = 0; made < jobCount; made++) {
    const workspace = await givenWorkspace(user, template, { build: null })
    workspaces.push(workspace)
    jobs.push((await givenBuild(workspace, { status: "pending" })).jobId)
  }
  const daemons: GivenProvisioner[] = []
  for (let made = 0; made < daemonCount; made++)
    daemons.push(await givenProvisioner({ organization }))
  return { jobs, workspaces, daemons }
}

/**
 * Takes and ends jobs until none is left, and repeats calls that the control plane could not
 * answer.
 */
async function drain(
  daemon: GivenProvisioner,
  dies: (taken: number) => boolean = () => false,
): Promise<string[]> {
  const taken: string[] = []
  for (let calls = 0; calls < callsMax; calls++) {
    const answer = await daemonCall(daemon, "acquire")
    if (answer.status === 204) return taken
    if (answer.status !== 200) continue
    const jobId: string = answer.body.job_id
    taken.push(jobId)
    if (dies(taken.length)) return taken
    for (;;) {
      const ended = await daemonCall(daemon, `jobs/${jobId}/complete`, { type: "workspace_build" })
      // 409: the call before it did commit, though its response was lost.
      if (ended.status === 204 || ended.status === 409) break
    }
  }
  throw new Error("the queue never ran dry")
}

const statuses = (jobs: string[]) =>
  query<{ job_status: string; n: number }>(
    "select job_status, count(*)::int as n from provisioner_jobs where id = any($1) group by 1 order by 1",
    [jobs],
  )

/** How often each job's build was recorded as ended. */
const endings = (jobs: string[]) =>
  query<{ n: number }>(
    `select count(l.id)::int as n from workspace_builds b
      left join audit_logs l on l.resource_id = b.id and l.status_code in (200, 500)
     where b.job_id = any($1) group by b.id`,
    [jobs],
  )

test("racing daemons take each job once", async () => {
  const { jobs, daemons } = await givenFleet()
  const taken = (await Promise.all(daemons.map((daemon) => drain(daemon)))).flat()
  expect(taken.toSorted()).toEqual(jobs.toSorted())
  expect(await statuses(jobs)).toEqual([{ job_status: "succeeded", n: jobCount }])
  expect((await endings(jobs)).every(({ n }) => n === 1)).toBe(true)
}, 60_000)

test("every job ends once when database backends are killed", async () => {
  const { jobs, daemons } = await givenFleet()
  const over = new AbortController()
  const killing = (async () => {
    while (!over.signal.aborted) {
      await query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
      ).catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
  })()
  await Promise.all(daemons.map((daemon) => drain(daemon)))
  over.abort()
  await killing
  // What was leased while its answer was lost falls to the reaper, ten a tick.
  for (const minutes of [6, 7]) await tick(afterEpoch(minutes * 60_000))
  const ended = await statuses(jobs)
  expect(
    ended.filter(({ job_status }) => job_status !== "succeeded" && job_status !== "failed"),
  ).toEqual([])
  expect(ended.reduce((sum, { n }) => sum + n, 0)).toBe(jobCount)
  expect((await endings(jobs)).every(({ n }) => n === 1)).toBe(true)
}, 60_000)

test("jobs of killed daemons are reaped, and their workspaces can be built again", async () => {
  const { jobs, workspaces, daemons } = await givenFleet()
  const [first, second, ...others] = daemons
  const held = [
    ...(await drain(first!, (taken) => taken === 2)),
    ...(await drain(second!, (taken) => taken === 3)),
  ]
  await Promise.all(others.map((daemon) => drain(daemon)))
  const lost = [held[1]!, held[4]!]
  expect(await statuses(lost)).toEqual([{ job_status: "running", n: 2 }])
  await tick(afterEpoch(6 * 60_000))
  expect(await statuses(jobs)).toEqual([
    { job_status: "failed", n: 2 },
    { job_status: "succeeded", n: jobCount - 2 },
  ])
  const again: string[] = []
  for (const workspace of workspaces) {
    const [row] = await query("select latest_job_status from workspaces where id = $1", [
      workspace.id,
    ])
    if (row.latest_job_status === "failed")
      again.push((await givenBuild(workspace, { status: "pending" })).jobId)
  }
  expect(again).toHaveLength(2)
  await drain(others[0]!)
  expect(await statuses(again)).toEqual([{ job_status: "succeeded", n: 2 }])
}, 60_000)
