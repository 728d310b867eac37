// What failures do to a pool: backoff, the hard limit, presets that can never build.
import { expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { poolOfRow, readPools } from "../../../src/pools/read-pools.ts"
import { givenPreset } from "../given-templates.ts"
import { givenUser } from "../given-people.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import {
  database,
  finishBuilds,
  givenPool,
  givenPrebuild,
  prebuildsOf,
  readPool,
  reconcile,
} from "./given-pools.ts"

const minuteMs = 60_000

test.each(cases.groups.failureBackoffQuery.cases)("backoff query: $name", async (row) => {
  const pool = await givenPool(row.desired)
  for (const build of row.builds) {
    await givenPrebuild(pool, {
      status: build.result === "f" ? "failed" : "succeeded",
      at: afterEpoch(-build.minutesAgo * minuteMs),
    })
  }
  const found = await readPool(pool, epoch)
  expect(found?.failures?.failedCount ?? null).toBe(row.numFailed)
  if (row.lastFailureMinutesAgo !== undefined) {
    expect(found?.failures?.lastBuildAt).toEqual(afterEpoch(-row.lastFailureMinutesAgo * minuteMs))
  }
})

test.each(cases.groups.failureHardLimit)(
  "hard limit $hardLimit after $builds: $hit",
  async (row) => {
    const pool = await givenPool(1)
    for (const [index, build] of row.builds.entries()) {
      await givenPrebuild(pool, {
        status: build === "f" ? "failed" : "succeeded",
        at: afterEpoch((index - 10) * 60 * minuteMs),
      })
    }
    const rows = await database().all(
      readPools(epoch, { templateId: pool.template.id, hardLimit: row.hardLimit }),
    )
    expect(rows.map(poolOfRow).map(({ isHardLimited }) => isHardLimited)).toEqual([row.hit])
  },
)

test("three failures back off, then reach the hard limit until one is deleted", async () => {
  const pool = await givenPool(1)
  let now = epoch
  for (let failures = 1; failures <= 3; failures++) {
    await reconcile(now)
    expect(await prebuildsOf(pool)).toHaveLength(failures)
    await finishBuilds(pool, now, "failed")
    const until = new Date(now.getTime() + failures * minuteMs)
    await reconcile(until)
    expect(await prebuildsOf(pool)).toHaveLength(failures)
    now = new Date(until.getTime() + 1)
  }
  const limited = await reconcile(now)
  expect(limited.counts.hardLimited).toBeGreaterThan(0)
  expect(await prebuildsOf(pool)).toHaveLength(3)
  expect(await statusOf(pool.presetId)).toBe("hard_limited")

  await query(
    "update workspaces set deleted = true where id = (select id from workspaces where template_id = $1 and not deleted limit 1)",
    [pool.template.id],
  )
  await reconcile(new Date(now.getTime() + 3_600_000))
  expect(await prebuildsOf(pool)).toHaveLength(3)
  expect((await readPool(pool, now))?.inProgress.starting).toBe(1)
  expect(await statusOf(pool.presetId)).toBe("hard_limited")
})

test("stopped, failed and canceled prebuilds of a deleted template are deleted", async () => {
  const pool = await givenPool(1)
  for (const status of ["failed", "canceled", "succeeded"] as const) {
    const transition = status === "succeeded" ? "stop" : "start"
    await givenPrebuild(pool, {
      status,
      transition,
      at: epoch,
      columns: { template_version_preset_id: pool.presetId },
    })
  }
  await query("update templates set deleted = true where id = $1", [pool.template.id])
  const found = await readPool(pool, epoch)
  expect(found?.remnants.map(({ state }) => state).toSorted()).toEqual([
    "canceled",
    "failed",
    "stopped",
  ])
  const { builds } = await reconcile(afterEpoch(2 * minuteMs))
  const deletes = builds.filter(({ preset_id }) => preset_id === pool.presetId)
  expect(deletes.map(({ transition }) => transition)).toEqual(["delete", "delete", "delete"])
  await finishBuilds(pool, afterEpoch(2 * minuteMs))
  expect(await prebuildsOf(pool)).toEqual([])
})

test("a delete that fails is tried again, less and less often", async () => {
  const pool = await givenPool(1)
  await givenPrebuild(pool, { status: "canceled", at: epoch })
  await query("update templates set deleted = true where id = $1", [pool.template.id])
  const attempts: number[] = []
  for (let minute = 1; minute <= 10; minute++) {
    const { builds } = await reconcile(afterEpoch(minute * minuteMs))
    if (builds.some(({ preset_id }) => preset_id === pool.presetId)) attempts.push(minute)
    await finishBuilds(pool, afterEpoch(minute * minuteMs), "failed")
  }
  expect(attempts).toEqual([1, 3, 6, 10])
})

test("only failures of workspaces that the pool still owns count", async () => {
  const pool = await givenPool(1)
  const user = await givenUser()
  await givenPrebuild(pool, { status: "failed", at: epoch, ownerId: user.id })
  expect((await readPool(pool, epoch))?.failures).toBeNull()
})

const required = { name: "region", type: "string", required: true }

test("a preset whose parameters do not resolve is marked and blocks no other pool", async () => {
  const pool = await givenPool(1, { parameters: [required] })
  const good = await givenPreset(pool.template.version.id, {
    parameters: { region: "eu" },
    columns: { desired_instances: 1 },
  })
  const first = await reconcile(epoch)
  expect(first.counts.invalid).toBe(1)
  const made = await prebuildsOf(pool)
  expect(made).toHaveLength(1)
  expect(await statusOf(pool.presetId)).toBe("validation_failed")
  expect(await statusOf(good.id)).toBe("healthy")

  const second = await reconcile(afterEpoch(minuteMs))
  expect(second.counts.invalid).toBe(0)
  expect(await prebuildsOf(pool)).toHaveLength(1)
})

test.each(cases.groups.validationFailedPresets)("preset $preset: $setup", async (row) => {
  const pool = await givenPool(1, { parameters: [required], values: { region: "eu" } })
  await reconcile(epoch)
  expect(await statusOf(pool.presetId)).toBe(row.statusAfter)
  expect(await prebuildsOf(pool)).toHaveLength(row.workspaces)
})

async function statusOf(presetId: string): Promise<string> {
  const [row] = await query("select prebuild_status from template_version_presets where id = $1", [
    presetId,
  ])
  return row.prebuild_status
}
