// First builds that wait for a daemon when their version is no longer active.
import { expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { cancelPending } from "../../../src/pools/cancel-pending.ts"
import { givenUser } from "../given-people.ts"
import type { JobStatus } from "../given-templates.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import {
  database,
  givenNewVersion,
  givenPool,
  givenPrebuild,
  prebuildsOf,
  reconcile,
} from "./given-pools.ts"

test.each(cases.groups.cancelPending)(
  "$name: canceled $canceled",
  async ({ prebuild, canceled }) => {
    const pool = await givenPool(1)
    const where = prebuild.otherTemplate ? await givenPool(1) : pool
    const workspace = await givenPrebuild(where, {
      transition: prebuild.transition as "start",
      status: prebuild.status as JobStatus,
      at: epoch,
      columns: { build_number: prebuild.buildNumber },
    })
    const before = await jobOf(workspace.id)
    if (!prebuild.versionActive) await givenNewVersion(pool)

    const later = afterEpoch(60_000)
    const [ended] = await database().batch(cancelPending([pool.presetId], later))

    expect(ended.map(({ workspace_id }) => workspace_id)).toEqual(canceled ? [workspace.id] : [])
    expect(await jobOf(workspace.id)).toEqual(before)
  },
)

test("a pending first build of an old version is canceled once", async () => {
  const pool = await givenPool(1)
  const workspace = await givenPrebuild(pool, { status: "pending", at: epoch })
  const taken = await givenPrebuild(pool, { status: "running", at: epoch })
  const user = await givenUser()
  const foreign = await givenPrebuild(pool, {
    status: "pending",
    at: epoch,
    ownerId: user.id,
    initiatorId: user.id,
  })
  await givenNewVersion(pool)
  const later = afterEpoch(60_000)
  const [first, second] = await Promise.all([reconcile(later), reconcile(later)])

  expect([...first.canceledWorkspaceIds, ...second.canceledWorkspaceIds]).toEqual([workspace.id])
  expect(await jobOf(workspace.id)).toMatchObject({
    job_status: "canceled",
    canceled_at: later,
    completed_at: later,
    started_at: null,
  })
  const builds = await query(
    `select b.build_number, b.transition, j.job_status from workspace_builds b
      join provisioner_jobs j on j.id = b.job_id
     where b.workspace_id = $1 order by b.build_number`,
    [workspace.id],
  )
  expect(builds).toEqual([
    { build_number: 1, transition: "start", job_status: "canceled" },
    { build_number: 2, transition: "delete", job_status: "succeeded" },
  ])
  expect((await prebuildsOf(pool)).map(({ id }) => id)).toEqual([taken.id])
  expect((await jobOf(taken.id)).job_status).toBe("running")
  expect((await jobOf(foreign.id)).job_status).toBe("pending")
})

async function jobOf(workspaceId: string) {
  const [job] = await query(
    `select j.* from provisioner_jobs j join workspace_builds b on b.job_id = j.id
      where b.workspace_id = $1
     order by b.build_number limit 1`,
    [workspaceId],
  )
  return job
}
