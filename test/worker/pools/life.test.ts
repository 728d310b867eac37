// A prebuild's whole life through the API, the daemon's protocol and the tick.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { beforeAll, describe, expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { lifecycle as lifecycleCases } from "../../cases/read.ts"
import { givenUser, type GivenUser } from "../given-people.ts"
import { api, at, query, tick } from "../harness.ts"
import { together } from "../rows.ts"
import { givenPrebuild, reconcile } from "./given-pools.ts"
import { claim, failJob, givenWorld, runJob, takeJob, type World } from "./given-world.ts"

const minuteMs = 60_000

const rowOf = async (id: string) => (await query("select * from workspaces where id = $1", [id]))[0]
const buildsOf = (id: string) =>
  query("select * from workspace_builds where workspace_id = $1 order by build_number", [id])
const caseOf = (name: string) => {
  const found = cases.groups.claims.find((row) => row.name === name)
  if (!found) throw new Error(`no case ${name}`)
  return found
}

test("the default ttl applies only after the claim", async () => {
  const { given, expect: expected } = caseOf("default ttl applies only after the claim")
  const world = await givenWorld({
    default_ttl_ms: given?.templateDefaultTtlMs,
    allow_user_autostop: given?.allowUserAutostop,
  })
  const startedAt = new Date(given?.prebuildStartedAt ?? "")
  await reconcile(startedAt)
  const made = await runJob(world, startedAt)
  expect(made.build).toMatchObject({ stage: "create", number: 1 })
  const id: string = made.build.workspace.id

  await tick(new Date(given?.lifecycleTickWhilePrebuild ?? ""))
  expect(await buildsOf(id)).toMatchObject([
    { deadline: null, max_deadline: null, reason: "initiator" },
  ])
  expect(await rowOf(id)).toMatchObject({
    latest_transition: "start",
    ttl_ms: null,
    check_at: null,
  })

  const claimedAt = new Date(given?.claimedAt ?? "")
  at(claimedAt)
  const claimed = await claim(world)
  expect(claimed).toMatchObject({ status: 201, body: { id, owner_id: world.owner.id } })
  const job = await runJob(world, claimedAt)
  expect(job.build).toMatchObject({ stage: "claim", number: 2 })
  expect((await buildsOf(id))[1].deadline).toEqual(new Date(expected?.deadlineAfterClaim ?? ""))

  const tickAt = new Date(expected?.tickAt ?? "")
  await query("update provisioner_daemons set last_seen_at = $2 where id = $1", [
    world.provisioner.daemonId,
    tickAt,
  ])
  await tick(tickAt)
  expect((await buildsOf(id))[2]).toMatchObject({
    transition: expected?.transition,
    reason: expected?.reason,
  })
})

test("the lifecycle fields at the claim", async () => {
  const { given, expect: expected } = caseOf("lifecycle fields at the claim")
  const world = await givenWorld()
  const startedAt = new Date("2024-01-01T08:00:00Z")
  await reconcile(startedAt)
  const id: string = (await runJob(world, startedAt)).build.workspace.id
  const before = await rowOf(id)
  expect(before).toMatchObject({
    owner_id: prebuildsUserId,
    autostart_schedule: null,
    next_start_at: null,
    ttl_ms: null,
    automatic_updates: "never",
  })
  const now = new Date(given?.now ?? "")
  at(now)
  const answer = await claim(world, {
    name: "requested",
    autostart_schedule: given?.request?.autostart,
    ttl_ms: given?.request?.ttlMs,
    automatic_updates: given?.request?.automaticUpdates,
  })
  expect(answer.body.id).toBe(id)
  expect(await rowOf(id)).toMatchObject({
    owner_id: world.owner.id,
    name: expected?.name,
    autostart_schedule: expected?.autostart,
    next_start_at: new Date(expected?.nextStartAt ?? ""),
    last_used_at: new Date(expected?.lastUsedAt ?? ""),
    updated_at: new Date(expected?.updatedAt ?? ""),
    dormant_at: null,
    deleting_at: null,
    automatic_updates: expected?.automaticUpdates,
    created_at: before.created_at,
    ttl_ms: String(expected?.ttlMs),
  })
})

test("a claim's build computes deadlines and next start of the workspace", async () => {
  const world = await givenWorld({ autostop_requirement_days: 127, default_ttl_ms: 3_600_000 })
  const claimedAt = new Date("2026-03-04T09:00:00Z")
  await reconcile(claimedAt)
  const id: string = (await runJob(world, claimedAt)).build.workspace.id
  at(claimedAt)
  await claim(world, { ttl_ms: 8 * 3_600_000, autostart_schedule: "CRON_TZ=UTC 30 9 * * 1-5" })
  expect(await rowOf(id)).toMatchObject({ next_start_at: new Date("2026-03-04T09:30:00Z") })
  expect((await buildsOf(id))[1]).toMatchObject({ deadline: null, max_deadline: null })

  await runJob(world, new Date("2026-03-04T09:40:00Z"))
  expect((await buildsOf(id))[1]).toMatchObject({
    deadline: new Date("2026-03-04T17:40:00Z"),
    max_deadline: new Date("2026-03-05T00:00:00Z"),
  })
  const row = await rowOf(id)
  expect(row).toMatchObject({ next_start_at: new Date("2026-03-05T09:30:00Z") })
  expect(row.check_at).not.toBeNull()
})

test("claims succeed while the reconcile is paused", async () => {
  const world = await givenWorld()
  const now = new Date("2026-03-04T09:00:00Z")
  await reconcile(now)
  const id: string = (await runJob(world, now)).build.workspace.id
  const admin = await givenUser({ roles: ["owner"] })
  const pause = (reconciliation_paused: boolean) =>
    api("/api/v2/prebuilds/settings", {
      method: "PUT",
      token: admin.token,
      body: { reconciliation_paused },
    })
  expect((await pause(true)).status).toBe(200)
  expect((await claim(world)).body.id).toBe(id)
  expect((await reconcile(now)).builds).toEqual([])
  await pause(false)
  expect((await reconcile(now)).builds).toHaveLength(1)
})

test("a claim whose build fails belongs to the person and can be started again", async () => {
  const world = await givenWorld()
  const now = new Date("2026-03-04T09:00:00Z")
  await reconcile(now)
  const id: string = (await runJob(world, now)).build.workspace.id
  await claim(world)
  await failJob(world, await takeJob(world, now), "no capacity")
  expect(await rowOf(id)).toMatchObject({ owner_id: world.owner.id, latest_job_status: "failed" })
  const later = new Date(now.getTime() + minuteMs)
  const { counts, builds } = await reconcile(later)
  expect(counts.backingOff).toBe(0)
  expect(builds.filter(({ preset_id }) => preset_id === world.presetId)).toHaveLength(1)
  const again = await api(`/api/v2/workspaces/${id}/builds`, {
    token: world.owner.token,
    body: { transition: "start" },
  })
  expect(again).toMatchObject({ status: 201, body: { build_number: 3 } })
})

test("nobody can create a workspace for the prebuilds user", async () => {
  const world = await givenWorld({ default_ttl_ms: 3_600_000 })
  const admin = await givenUser({ roles: ["owner"] })
  for (const user of ["prebuilds", prebuildsUserId]) {
    const answer = await api(`/api/v2/users/${user}/workspaces`, {
      token: admin.token,
      body: { name: `stray-${user.slice(0, 4)}`, template_id: world.template.id },
    })
    expect(answer.status).toBe(404)
  }
})

test("a claim revokes the pool's agent token and mints one for the daemon", async () => {
  const world = await givenWorld()
  const now = new Date("2026-03-04T09:00:00Z")
  await reconcile(now)
  const made = await runJob(world, now)
  const oldToken = Object.values(made.build.agent_tokens)[0] as string
  const call = (token: string) => api("/api/v2/workspaceagents/me/manifest", { token })
  const asAgent = async (token: string) => (await call(token)).status
  expect(await asAgent(oldToken)).not.toBe(401)
  await claim(world)
  expect(await asAgent(oldToken)).toBe(401)
  const job = await runJob(world, now)
  const newToken = Object.values(job.build.agent_tokens)[0] as string
  expect(newToken).not.toBe(oldToken)
  expect(await asAgent(oldToken)).toBe(401)
  expect(await asAgent(newToken)).not.toBe(401)
})

test("the pool refills after a claim, and a restart of the workspace claims nothing", async () => {
  const world = await givenWorld()
  const now = new Date("2026-03-04T09:00:00Z")
  await reconcile(now)
  const id: string = (await runJob(world, now)).build.workspace.id
  at(now)
  expect((await claim(world)).body.id).toBe(id)
  await runJob(world, now)
  const { builds } = await reconcile(new Date(now.getTime() + minuteMs))
  expect(builds.filter(({ preset_id }) => preset_id === world.presetId)).toMatchObject([
    { transition: "start" },
  ])
  await runJob(world, now)
  for (const transition of ["stop", "start"]) {
    const answer = await api(`/api/v2/workspaces/${id}/builds`, {
      token: world.owner.token,
      body: { transition },
    })
    expect(answer.status).toBe(201)
    await runJob(world, now)
  }
  const owned = await query("select id from workspaces where owner_id = $1 and not deleted", [
    world.owner.id,
  ])
  expect(owned).toEqual([{ id }])
})

describe("an unclaimed prebuild", () => {
  let admin: GivenUser
  beforeAll(async () => {
    admin = await givenUser({ roles: ["owner"] })
  })

  test.each(lifecycleCases.groups.api_prebuild_conflict)(
    "$id $input.path: 409, and allowed after the claim",
    async ({ input, expected }) => {
      const world = await givenWorld()
      const now = new Date(input.clock)
      await reconcile(now)
      const id: string = (await runJob(world, now)).build.workspace.id
      const request = { method: input.method, body: input.body }
      const path = input.path.replace("{id}", id)
      const refused = await api(path, { ...request, token: admin.token })
      expect(refused).toMatchObject({
        status: expected.unclaimed.status,
        body: { message: expected.unclaimed.message, detail: expected.unclaimed.detail },
      })
      expect((await claim(world, { ttl_ms: input.claimed_workspace_ttl_ms })).body.id).toBe(id)
      await runJob(world, now)
      expect((await api(path, { ...request, token: admin.token })).status).toBeLessThan(300)
    },
  )

  test("is changed by no tick and by no change of its template's policy", async () => {
    const world = await givenWorld({
      default_ttl_ms: 3_600_000,
      time_til_dormant_ms: 60_000,
      time_til_dormant_autodelete_ms: 60_000,
      failure_ttl_ms: 60_000,
      autostop_requirement_days: 127,
      time_til_autostop_notify_ms: 60_000,
    })
    const now = new Date("2026-03-04T09:00:00Z")
    await reconcile(now)
    const id: string = (await runJob(world, now)).build.workspace.id
    const failed = await givenPrebuild(
      { template: world.template, presetId: world.presetId, presetName: "" },
      { status: "failed", at: now },
    )
    const neverAgain =
      "default_ttl_ms = 7200000, allow_user_autostop = false, autostart_days = 2, time_til_dormant_ms = 120000"
    await query(`update templates set ${neverAgain} where id = $1`, [world.template.id])
    const before = await rowOf(id)
    for (const days of [1, 30, 365]) await tick(new Date(now.getTime() + days * 86_400_000))
    expect(await rowOf(id)).toEqual(before)
    // The reconcile deletes a failed prebuild. The failure TTL would stop it.
    const builds = await query(
      "select distinct transition from workspace_builds where workspace_id = $1 order by 1",
      [failed.id],
    )
    expect(builds).toEqual([{ transition: "delete" }, { transition: "start" }])
    const untouched = { deadline: null, max_deadline: null, notified_autostop_deadline: null }
    expect(await buildsOf(id)).toMatchObject([{ build_number: 1, ...untouched }])
    for (const build of await buildsOf(failed.id)) expect(build).toMatchObject(untouched)
  })
})

/**
 * Creates a workspace as a client would. It repeats a 503, and a name that is then taken means that
 * only the first response was lost.
 */
async function claimSurely(world: World): Promise<string> {
  const name = `w-${crypto.randomUUID().slice(0, 12)}`
  for (let tries = 1; tries <= 20; tries++) {
    const { status, body } = await claim(world, { name })
    if (status === 201) return body.id
    if (status === 409) {
      const found = await api(`/api/v2/users/me/workspace/${name}`, { token: world.owner.token })
      if (found.status === 200) return found.body.id
    } else expect(status).toBe(503)
  }
  throw new Error("nothing was made")
}

test("200 creations at once on 100 prebuilds make 100 claims and 100 new workspaces", async () => {
  const world = await givenWorld({}, 100)
  const pool = { template: world.template, presetId: world.presetId, presetName: "" }
  const pooled = new Set<string>()
  await together(async () => {
    for (let index = 0; index < 100; index++)
      pooled.add((await givenPrebuild(pool, { agents: ["ready"] })).id)
  })
  at(new Date("2026-03-04T09:00:00Z"))
  const ids = await Promise.all(Array.from({ length: 200 }, () => claimSurely(world)))
  expect(new Set(ids).size).toBe(200)
  expect(ids.filter((id) => pooled.has(id))).toHaveLength(100)
  const made = await query(
    "select w.id, w.latest_build_number from workspaces w where w.owner_id = $1 and not w.deleted",
    [world.owner.id],
  )
  expect(made).toHaveLength(200)
  for (const { id, latest_build_number } of made)
    expect(latest_build_number).toBe(pooled.has(id) ? 2 : 1)
}, 120_000)
