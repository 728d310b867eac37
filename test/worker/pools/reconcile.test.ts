// The reconcile on PostgreSQL: what it creates, deletes, cancels and leaves alone, also beside
// itself.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import {
  finishBuilds,
  givenNewVersion,
  givenPool,
  givenPrebuild,
  prebuildsOf,
  readPool,
  reconcile,
} from "./given-pools.ts"
import type { JobStatus } from "../given-templates.ts"

const minuteMs = 60_000

test("a pool is filled once", async () => {
  const pool = await givenPool(3)

  await reconcile(epoch)
  const made = await prebuildsOf(pool)
  expect(made).toHaveLength(3)
  for (const workspace of made) {
    expect(workspace).toMatchObject({
      owner_id: prebuildsUserId,
      owner_name: "prebuilds",
      automatic_updates: "never",
      autostart_schedule: null,
      next_start_at: null,
      ttl_ms: null,
      dormant_at: null,
      deleting_at: null,
      check_at: null,
      latest_build_number: 1,
      latest_transition: "start",
      latest_job_status: "pending",
    })
    expect(workspace.name).toMatch(/^prebuild-[a-z2-7]{15}$/)
  }

  await reconcile(epoch)
  expect(await prebuildsOf(pool)).toHaveLength(3)

  await finishBuilds(pool, afterEpoch(minuteMs))
  await reconcile(afterEpoch(2 * minuteMs))
  expect(await prebuildsOf(pool)).toHaveLength(3)
  expect((await readPool(pool, afterEpoch(2 * minuteMs)))?.running).toHaveLength(3)
})

test("a prebuild's build has the preset, its values over the defaults, and the stage", async () => {
  const pool = await givenPool(1, {
    parameters: [
      { name: "region", type: "string", required: true, display_order: 1 },
      { name: "disk", type: "number", required: false, default_value: "10", display_order: 2 },
    ],
    values: { region: "eu", unknown: "x" },
  })
  await reconcile(epoch)

  const [build] = await query(
    `select b.*, j.input, j.initiator_id as job_initiator, j.tags, j.file_id from workspace_builds b
     join provisioner_jobs j on j.id = b.job_id join workspaces w on w.id = b.workspace_id
       where w.template_id = $1`,
    [pool.template.id],
  )
  expect(build).toMatchObject({
    transition: "start",
    reason: "initiator",
    initiator_id: prebuildsUserId,
    job_initiator: prebuildsUserId,
    template_version_id: pool.template.version.id,
    template_version_preset_id: pool.presetId,
    deadline: null,
    max_deadline: null,
    file_id: pool.template.version.fileId,
    input: { prebuilt_workspace_stage: 1, workspace_build_id: build.id },
  })
  const parameters = await query(
    "select name, value from workspace_build_parameters where workspace_build_id = $1 order by name",
    [build.id],
  )
  expect(parameters).toEqual([
    { name: "disk", value: "10" },
    { name: "region", value: "eu" },
  ])
})

test("ten reconciles of one state at once create once", async () => {
  const pool = await givenPool(4)
  const results = await Promise.all(Array.from({ length: 10 }, () => reconcile(epoch)))
  expect(await prebuildsOf(pool)).toHaveLength(4)
  const starts = results
    .flatMap(({ builds }) => builds)
    .filter(({ preset_id }) => preset_id === pool.presetId)
  expect(starts).toHaveLength(4)
})

test("extraneous prebuilds are deleted oldest first, and once", async () => {
  const pool = await givenPool(1)
  const old = await givenPrebuild(pool, { at: afterEpoch(-2 * minuteMs), agents: ["ready"] })
  const older = await givenPrebuild(pool, { at: afterEpoch(-3 * minuteMs), agents: ["ready"] })
  const young = await givenPrebuild(pool, { at: afterEpoch(-minuteMs), agents: ["ready"] })

  await Promise.all(Array.from({ length: 10 }, () => reconcile(epoch)))

  const builds = await query(
    "select workspace_id, transition, build_number, template_version_preset_id from workspace_builds where workspace_id = any($1) and build_number > 1",
    [[old.id, older.id, young.id]],
  )
  expect(builds).toHaveLength(2)
  expect(builds.map(({ workspace_id }) => workspace_id)).toEqual(
    expect.arrayContaining([old.id, older.id]),
  )
  for (const build of builds) expect(build).toMatchObject({ transition: "delete", build_number: 2 })
})

test("expired prebuilds are deleted and replaced in the same cycle", async () => {
  const pool = await givenPool(2, { preset: { invalidate_after_secs: 60 } })
  const expired = await givenPrebuild(pool, { at: afterEpoch(-60_001), agents: ["ready"] })
  const exact = await givenPrebuild(pool, { at: afterEpoch(-60_000), agents: ["ready"] })
  await reconcile(epoch)
  expect(await latestOf(expired.id)).toBe("delete pending")
  expect(await latestOf(exact.id)).toBe("start succeeded")
  expect(await prebuildsOf(pool)).toHaveLength(3)

  await givenNewVersion(pool)
  await reconcile(afterEpoch(minuteMs))
  expect(await latestOf(exact.id)).toBe("delete pending")
})

test("a pool stays idle with a paused reconcile or a deprecated template", async () => {
  const pool = await givenPool(1, { template: { deprecation_message: "use another" } })
  await reconcile(epoch)
  expect(await prebuildsOf(pool)).toHaveLength(0)

  const paused = await givenPool(1)
  await query(
    `insert into site_configs (key, value)
      values ('prebuilds_settings', '{"reconciliation_paused":true}')`,
  )
  const result = await reconcile(epoch)
  expect(result.isPaused).toBe(true)
  expect(await prebuildsOf(paused)).toHaveLength(0)
  await query("delete from site_configs")
  await reconcile(epoch)
  expect(await prebuildsOf(paused)).toHaveLength(1)
})

test("the prebuilds user joins each organization with a pool, and its group, once", async () => {
  const pool = await givenPool(1)
  await Promise.all([reconcile(epoch), reconcile(epoch)])
  await reconcile(epoch)
  const groups = await query(
    `select g.display_name, g.quota_allowance, gm.user_id, m.roles from groups g
     join group_members gm on gm.group_id = g.id
       join organization_members m on m.user_id = gm.user_id
       and m.organization_id = g.organization_id
     where g.organization_id = $1 and g.name = 'coderprebuiltworkspaces'`,
    [pool.template.organizationId],
  )
  expect(groups).toEqual([
    {
      display_name: "Prebuilt Workspaces",
      quota_allowance: 0,
      user_id: prebuildsUserId,
      roles: [],
    },
  ])
})

test("a template's waiting starts are bounded, and daemons fill the pool", async () => {
  const pool = await givenPool(40)
  await reconcile(epoch)
  expect(await prebuildsOf(pool)).toHaveLength(25)
  await reconcile(epoch)
  expect(await prebuildsOf(pool)).toHaveLength(25)
  await finishBuilds(pool, afterEpoch(minuteMs))
  await reconcile(afterEpoch(minuteMs))
  expect(await prebuildsOf(pool)).toHaveLength(40)
})

const matrix = cases.groups.reconciliationMatrix.flatMap((row) =>
  row.transitions.flatMap((transition) =>
    row.jobStatuses.flatMap((status) =>
      row.versionActive.map((versionActive) => ({ ...row, transition, status, versionActive })),
    ),
  ),
)

test.each(matrix)("$rule: $transition $status, active $versionActive", async (row) => {
  const pool = await givenPool(1)
  const old = await givenPrebuild(pool, {
    transition: row.transition as "start",
    status: row.status as JobStatus,
    agents: ["ready"],
    at: epoch,
    // A stop or delete of the pool's own making follows a start that carried the preset.
    columns: { template_version_preset_id: pool.presetId },
  })
  if (!row.versionActive) await givenNewVersion(pool)

  await reconcile(afterEpoch(2 * 3_600_000))

  const [{ builds }] = await query(
    "select count(*)::int as builds from workspace_builds where workspace_id = $1 and transition = 'delete' and build_number > 1",
    [old.id],
  )
  const [{ others }] = await query(
    "select count(*)::int as others from workspaces where template_id = $1 and id <> $2",
    [pool.template.id, old.id],
  )
  if (row.createsNew !== null) expect(others > 0).toBe(row.createsNew)
  if (row.deletesOld !== null) {
    const [{ canceled }] = await query(
      "select j.job_status = 'canceled' as canceled from workspace_builds b join provisioner_jobs j on j.id = b.job_id where b.workspace_id = $1 and b.build_number = 1",
      [old.id],
    )
    // The reconcile deletes what the reference keeps: stopped, failed and canceled prebuilds.
    const isRemnant =
      row.status === "failed" ||
      row.status === "canceled" ||
      (row.transition === "stop" && row.status === "succeeded")
    expect(builds > 0 && !(canceled && row.status !== "canceled")).toBe(isRemnant || row.deletesOld)
  }
})

async function latestOf(id: string): Promise<string> {
  const [row] = await query(
    "select latest_transition || ' ' || latest_job_status as latest from workspaces where id = $1",
    [id],
  )
  return row.latest
}
