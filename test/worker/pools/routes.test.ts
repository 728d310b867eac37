// The pools over HTTP.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { describe, expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { givenPreset } from "../given-templates.ts"
import { givenBuild } from "../given-workspaces.ts"
import { afterEpoch, api, epoch, query, queryWithoutTriggers } from "../harness.ts"
import { givenNewVersion, givenPool, givenPrebuild } from "./given-pools.ts"

const settingsPath = "/api/v2/prebuilds/settings"
const minuteMs = 60_000

describe("settings", () => {
  test("read as not paused by default, and a repeated write changes nothing", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const put = (reconciliation_paused: boolean) =>
      api(settingsPath, { method: "PUT", token: owner.token, body: { reconciliation_paused } })

    expect((await api(settingsPath, { token: owner.token })).body).toEqual({
      reconciliation_paused: false,
    })
    expect(await put(false)).toMatchObject({ status: 200, body: { reconciliation_paused: false } })
    expect(await put(false)).toMatchObject({ status: 304, text: "" })
    expect(await put(true)).toMatchObject({ status: 200, body: { reconciliation_paused: true } })
    expect(await put(true)).toMatchObject({ status: 304 })
    expect((await api(settingsPath, { token: owner.token })).body).toEqual({
      reconciliation_paused: true,
    })
    const audits = await query(
      "select diff from audit_logs where resource_type = 'prebuilds_settings' order by time, id",
    )
    expect(audits).toHaveLength(2)
    await put(false)
  })

  test("403 for a member, 401 without a token, 400 for another body", async () => {
    const member = await givenUser()
    const body = { reconciliation_paused: true }
    expect((await api(settingsPath, { method: "PUT", token: member.token, body })).status).toBe(403)
    expect((await api(settingsPath, { method: "PUT", body })).status).toBe(401)
    expect((await api(settingsPath, { method: "PUT", token: member.token, body: {} })).status).toBe(
      400,
    )
    expect((await api(settingsPath, { token: member.token })).body).toEqual({
      reconciliation_paused: false,
    })
  })
})

describe("invalidate", () => {
  test("marks every preset of the active version and no other template's", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const pool = await givenPool(1)
    const plain = await givenPreset(pool.template.version.id)
    const neighbour = await givenPool(1)
    const answer = await api(`/api/v2/templates/${pool.template.id}/prebuilds/invalidate`, {
      method: "POST",
      token: admin.token,
    })
    expect(answer.status).toBe(200)
    expect(answer.body.invalidated).toEqual(
      [pool.presetName, plain.name]
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map((preset_name) => ({
          template_name: pool.template.name,
          template_version_name: pool.template.version.name,
          preset_name,
        })),
    )
    const [other] = await query(
      "select last_invalidated_at from template_version_presets where id = $1",
      [neighbour.presetId],
    )
    expect(other.last_invalidated_at).toBeNull()
  })

  test("answers 403 to a reader, 404 to others, [] without presets", async () => {
    const pool = await givenPool(1)
    const member = await givenUser()
    const path = `/api/v2/templates/${pool.template.id}/prebuilds/invalidate`
    expect((await api(path, { method: "POST", token: member.token })).status).toBe(403)
    expect(
      (
        await api(`/api/v2/templates/${crypto.randomUUID()}/prebuilds/invalidate`, {
          method: "POST",
          token: member.token,
        })
      ).status,
    ).toBe(404)
    await query("delete from template_version_presets where id = $1", [pool.presetId])
    const admin = await givenUser({ roles: ["owner"] })
    expect((await api(path, { method: "POST", token: admin.token })).body).toEqual({
      invalidated: [],
    })
  })
})

test("a pool's figures: hits, misses, the wait of a claim, idle and wasted minutes", async () => {
  const pool = await givenPool(2)
  const user = await givenUser()
  const claimed = await givenPrebuild(pool, {
    at: afterEpoch(-60 * minuteMs),
    ownerId: user.id,
    agents: ["ready"],
  })
  const claim = await givenBuild(claimed, {
    at: afterEpoch(-30 * minuteMs),
    columns: { initiator_id: user.id, template_version_preset_id: pool.presetId },
    job: { initiator_id: user.id, input: { prebuilt_workspace_stage: 2 } },
  })
  await queryWithoutTriggers("update provisioner_jobs set completed_at = $2 where id = $1", [
    claim.jobId,
    afterEpoch(-30 * minuteMs + 4000),
  ])
  const wasted = await givenPrebuild(pool, { at: afterEpoch(-50 * minuteMs), agents: ["ready"] })
  await givenBuild(wasted, {
    at: afterEpoch(-10 * minuteMs),
    transition: "delete",
    columns: { initiator_id: prebuildsUserId },
  })
  await query("update workspaces set deleted = true where id = $1", [wasted.id])
  await givenPrebuild(pool, { at: afterEpoch(-5 * minuteMs), agents: ["ready"] })
  await givenPrebuild(pool, { status: "canceled", at: afterEpoch(-90 * 24 * 60 * minuteMs) })
  await givenPrebuild(pool, {
    transition: "stop",
    at: afterEpoch(-90 * 24 * 60 * minuteMs),
    columns: { template_version_preset_id: pool.presetId },
  })
  await givenPrebuild(pool, {
    at: afterEpoch(-20 * minuteMs),
    ownerId: user.id,
    initiatorId: user.id,
  })

  const { status, body } = await api(`/api/v2/templates/${pool.template.id}/prebuilds`, {
    token: user.token,
  })
  expect(status).toBe(200)
  expect(body.pools).toEqual([
    {
      preset_id: pool.presetId,
      preset_name: pool.presetName,
      template_version_id: pool.template.version.id,
      status: "healthy",
      desired: 2,
      running: 1,
      eligible: 1,
      expired: 0,
      stopped: 1,
      failed: 1,
      starting: 0,
      deleting: 0,
      hard_limited: false,
      backoff_until: null,
      hits: 1,
      misses: 1,
      claim_ms: { P50: 4000, P95: 4000 },
      idle_minutes: 30 + 40 + 5,
      wasted_minutes: 40,
    },
  ])

  // A new version goes on with the pool of the same name; another name is another pool.
  const versionId = await givenNewVersion(pool)
  const next = await givenPreset(versionId, {
    columns: { name: pool.presetName, desired_instances: 2 },
  })
  const fresh = await givenPreset(versionId, { columns: { desired_instances: 1 } })
  const after = await api(`/api/v2/templates/${pool.template.id}/prebuilds`, { token: user.token })
  const shown = new Map(after.body.pools.map((row: { preset_id: string }) => [row.preset_id, row]))
  expect(new Set(shown.keys())).toEqual(new Set([next.id, fresh.id]))
  expect(shown.get(next.id)).toMatchObject({ hits: 1, misses: 1, running: 0, wasted_minutes: 40 })
  expect(shown.get(fresh.id)).toMatchObject({ hits: 0, misses: 0, claim_ms: { P50: null } })
  expect(
    (await api(`/api/v2/templates/${crypto.randomUUID()}/prebuilds`, { token: user.token })).status,
  ).toBe(404)
  expect(
    (await api(`/api/v2/templates/${pool.template.id}/prebuilds?days=91`, { token: user.token }))
      .status,
  ).toBe(400)
  expect(epoch.getTime()).toBeGreaterThan(new Date(body.since).getTime())
})
