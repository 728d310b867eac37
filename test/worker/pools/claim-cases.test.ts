// The rows of the group `claims` that a creation through the API answers.
import { expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { givenVersion } from "../given-templates.ts"
import { api, at, query } from "../harness.ts"
import { reconcile } from "./given-pools.ts"
import { claim, givenWorld, runJob } from "./given-world.ts"

const now = new Date("2026-03-04T09:00:00Z")
const [notReady, eligible, noneLeft, fatal, again, refill, , , endpoints, inactive, matched] =
  cases.groups.claims

/** A pool of one with a prebuild that is ready. */
async function givenReady() {
  const world = await givenWorld()
  await reconcile(now)
  const id: string = (await runJob(world, now)).build.workspace.id
  at(now)
  return { world, id }
}

const poolOf = (templateId: string) =>
  query(
    `select id from workspaces where template_id = $1 and owner_id = prebuilds_user_id()
       and not deleted and latest_transition = 'start' and latest_job_status = 'succeeded'`,
    [templateId],
  )

test(notReady!.name, async () => {
  const { world, id } = await givenReady()
  await query(
    `update workspace_agents a set lifecycle_state = $2 from workspaces w
     where w.id = $1 and a.build_id = w.latest_build_id`,
    [id, notReady!.given!.prebuild!.agentsLifecycle[0]],
  )
  const { status, body } = await claim(world)
  expect(status).toBe(notReady!.expect!.http)
  expect(body.id === id).toBe(notReady!.expect!.claimed)
})

test(eligible!.name, async () => {
  const { world, id } = await givenReady()
  const before = await poolOf(world.template.id)
  const { body } = await claim(world, { name: "requested" })
  const expected = eligible!.expect!
  expect(body.id === id).toBe(expected.claimed && expected.sameWorkspaceId)
  expect([body.owner_id, body.name]).toEqual([world.owner.id, expected.newName])
  expect(body.latest_build).toMatchObject({
    build_number: expected.buildNumber,
    reason: expected.buildReason,
    initiator_id: world.owner.id,
  })
  const after = await poolOf(world.template.id)
  expect(after.length - before.length).toBe(expected.runningPrebuildsDelta)
})

test(noneLeft!.name, async () => {
  const { world, id } = await givenReady()
  await claim(world)
  const before = await poolOf(world.template.id)
  const { status, body } = await claim(world)
  const expected = noneLeft!.expect!
  expect(status).toBe(expected.http)
  expect(body.id === id).toBe(expected.claimed)
  expect(body.latest_build.initiator_id).toBe(world.owner.id)
  const after = await poolOf(world.template.id)
  expect(after.length - before.length).toBe(expected.runningPrebuildsDelta)
})

test(fatal!.name, async () => {
  const { world } = await givenReady()
  const before = await poolOf(world.template.id)
  await query(`create function refuse_claim() returns trigger language plpgsql
    as $$ begin raise exception 'refused'; end $$`)
  await query(`create trigger refuse_claim before update of owner_id on workspaces
    for each row execute function refuse_claim()`)
  const { status } = await claim(world)
  await query("drop trigger refuse_claim on workspaces")
  const expected = fatal!.expect!
  expect(status >= 500).toBe(expected.error)
  const owned = await query("select id from workspaces where owner_id = $1", [world.owner.id])
  expect(owned.length > 0).toBe(expected.workspaceCreated)
  const after = await poolOf(world.template.id)
  expect(after.length - before.length).toBe(expected.runningPrebuildsDelta)
})

test(again!.name, async () => {
  const { world, id } = await givenReady()
  await claim(world)
  await runJob(world, now)
  await reconcile(now)
  await runJob(world, now)
  const before = await poolOf(world.template.id)
  for (const transition of again!.given!.afterClaim!) {
    const path = `/api/v2/workspaces/${id}/builds`
    const { status } = await api(path, { token: world.owner.token, body: { transition } })
    expect(status).toBe(201)
    await runJob(world, now)
  }
  const after = await poolOf(world.template.id)
  expect(before.length - after.length).toBe(again!.expect!.claimQueries)
})

test(refill!.name, async () => {
  const { world } = await givenReady()
  await claim(world)
  const { builds } = await reconcile(now)
  const made = builds.filter(({ preset_id }) => preset_id === world.presetId)
  expect(made).toHaveLength(refill!.expect!.create!)
})

test(endpoints!.name, async () => {
  const { world, id } = await givenReady()
  const bodies: Record<string, object> = {
    autostart: { schedule: "CRON_TZ=UTC 30 9 * * 1-5" },
    ttl: { ttl_ms: 28_800_000 },
    dormant: { dormant: true },
    extend: { deadline: new Date(now.getTime() + 3_600_000 * 2).toISOString() },
  }
  const call = (endpoint: string) => {
    const [method = "", path = ""] = endpoint.split(" ")
    const name = path.slice(path.lastIndexOf("/") + 1)
    return api(`/api/v2${path.replace("{id}", id)}`, {
      method,
      token: world.owner.token,
      body: bodies[name],
    })
  }
  const rows = endpoints!.cases!
  for (const { endpoint, status } of rows)
    expect([endpoint, (await call(endpoint)).status]).toEqual([endpoint, status])
  expect(endpoints!.expectAfterClaim).toBe("all four succeed")
  await claim(world, { ttl_ms: 28_800_000 })
  await runJob(world, now)
  const order = rows.toSorted((a) => (a.endpoint.endsWith("dormant") ? 1 : -1))
  for (const { endpoint } of order) {
    const { status } = await call(endpoint)
    expect([endpoint, status < 300]).toEqual([endpoint, true])
  }
})

test(inactive!.name, async () => {
  const { world, id } = await givenReady()
  expect(inactive!.given!.templateActiveVersion).not.toBe(inactive!.given!.latestBuildVersion)
  const version = await givenVersion(world.owner, { columns: { template_id: world.template.id } })
  await query("update templates set active_version_id = $2 where id = $1", [
    world.template.id,
    version.id,
  ])
  const { status, body } = await claim(world, { template_version_preset_id: null })
  expect(status).toBe(201)
  expect(body.id === id).toBe(inactive!.expect!.claimed)
})

test(matched!.name, async () => {
  const world = await givenWorld()
  const { presetParams, request } = matched!.given as unknown as {
    presetParams: Record<string, string>
    request: Record<string, string>
  }
  for (const name of Object.keys(request))
    await query(
      `insert into template_version_parameters (template_version_id, name, default_value, mutable,
        required)
       values ($1, $2, '', true, false)`,
      [world.template.version.id, name],
    )
  for (const [name, value] of Object.entries(presetParams))
    await query(
      "insert into template_version_preset_parameters (preset_id, name, value) values ($1, $2, $3)",
      [world.presetId, name, value],
    )
  await reconcile(now)
  const id: string = (await runJob(world, now)).build.workspace.id
  at(now)
  const { body } = await claim(world, {
    template_version_preset_id: null,
    rich_parameter_values: Object.entries(request).map(([name, value]) => ({ name, value })),
  })
  expect(body.latest_build.template_version_preset_id === world.presetId).toBe(
    matched!.expect!.presetMatched,
  )
  expect(body.id === id).toBe(matched!.expect!.claimAttempted)
})
