// A model of a pool: reconciles, claims, failures and version changes in any order, some at once.
//
// A failing run prints its seed and the shortest sequence that breaks an invariant.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { givenKey, givenUser, type GivenUser } from "../given-people.ts"
import { givenPreset } from "../given-templates.ts"
import { afterEpoch, api, at, query } from "../harness.ts"
import { unique } from "../rows.ts"
import { finishBuilds, givenNewVersion, givenPool, reconcile } from "./given-pools.ts"

const desired = 3
const minuteMs = 60_000

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("reconcile" as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("claim" as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("finish" as const), count: fc.constant(1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("fail" as const), count: fc.constant(1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("version" as const), count: fc.constant(1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("invalidate" as const), count: fc.constant(1) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      count: fc.integer({ min: 1, max: 90 }),
    }),
  },
)

test("a pool keeps its invariants under any events, and converges once nothing fails", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const world = await begin()
      for (const { kind, count } of steps) {
        await world.act(kind, count)
        await world.check()
      }
      await world.converge()
    }),
    { numRuns: 12, endOnFailure: false, interruptAfterTimeLimit: 60_000 },
  )
}, 120_000)

async function begin() {
  let pool = await givenPool(desired)
  const template = pool.template
  let minutes = 0
  const owners = new Map<string, string>()
  const now = () => afterEpoch(minutes * minuteMs)

  /** Through the API: a prebuild where one is claimable, a new workspace otherwise. */
  async function claim(user: GivenUser) {
    const presetId = pool.presetId
    const { status, body } = await api("/api/v2/users/me/workspaces", {
      token: user.token,
      body: {
        name: `w-${unique(8)}`,
        template_id: template.id,
        template_version_preset_id: presetId,
      },
    })
    expect(status).toBe(201)
    expect(body.owner_id).toBe(user.id)
    if (body.latest_build.build_number === 1) return
    expect(owners.has(body.id), "claimed once").toBe(false)
    owners.set(body.id, user.id)
    await expectNoPoolCredential(body.id)
  }

  async function act(kind: string, count: number) {
    switch (kind) {
      case "reconcile":
        await Promise.all(Array.from({ length: count }, () => reconcile(now())))
        break
      case "claim": {
        const users = await Promise.all(Array.from({ length: count }, () => givenUser()))
        at(now())
        await Promise.all([...users.map(claim), reconcile(now())])
        break
      }
      case "finish":
        for (const { workspace_id, initiator_id } of await finishBuilds(pool, now())) {
          if (initiator_id === prebuildsUserId) await givenKey(prebuildsUserId, { workspace_id })
        }
        break
      case "fail":
        await finishBuilds(pool, now(), "failed")
        break
      case "version": {
        const versionId = await givenNewVersion(pool)
        const preset = await givenPreset(versionId, { columns: { desired_instances: desired } })
        pool = { template, presetId: preset.id, presetName: preset.name }
        break
      }
      case "invalidate":
        await query("update template_version_presets set last_invalidated_at = $2 where id = $1", [
          pool.presetId,
          now(),
        ])
        break
      default:
        minutes += count
    }
  }

  async function check() {
    for (const [id, ownerId] of owners) {
      const [row] = await query(
        "select owner_id, deleted, latest_transition from workspaces where id = $1",
        [id],
      )
      expect(row).toEqual({ owner_id: ownerId, deleted: false, latest_transition: "start" })
    }
    const [{ held }] = await query(
      `select count(*)::int as held from workspaces w
        join workspace_builds b on b.id = w.latest_build_id
       join template_version_presets p on p.id = b.template_version_preset_id
       where b.template_version_preset_id = $1 and w.owner_id = $2 and not w.deleted
         and w.latest_transition = 'start'
         and w.latest_job_status in ('pending', 'running', 'succeeded')
         and (p.last_invalidated_at is null or w.created_at >= p.last_invalidated_at
           or w.latest_job_status <> 'succeeded')`,
      [pool.presetId, prebuildsUserId],
    )
    expect(held, "never more than desired").toBeLessThanOrEqual(desired)
    const touched = await query(
      `select w.id from workspaces w left join workspace_builds b on b.workspace_id = w.id
       where w.owner_id = $1 and (w.check_at is not null or w.next_start_at is not null
         or b.deadline is not null)`,
      [prebuildsUserId],
    )
    expect(touched, "no lifecycle value on a prebuild").toEqual([])
  }

  async function converge() {
    await query(
      "update workspaces set deleted = true where owner_id = $1 and latest_job_status = 'failed'",
      [prebuildsUserId],
    )
    minutes += 120
    for (let round = 0; round < 4; round++) {
      await act("reconcile", 2)
      await act("finish", 1)
      minutes += 1
    }
    await check()
    const live = await query(
      `select b.template_version_preset_id as preset_id,
      w.latest_transition || ' ' || w.latest_job_status as latest
       from workspaces w join workspace_builds b on b.id = w.latest_build_id
       where w.template_id = $1 and w.owner_id = $2 and not w.deleted`,
      [template.id, prebuildsUserId],
    )
    expect(live).toEqual(
      Array.from({ length: desired }, () => ({
        preset_id: pool.presetId,
        latest: "start succeeded",
      })),
    )
    await query("update templates set deleted = true where id = $1", [template.id])
  }

  return { act, check, converge }
}

async function expectNoPoolCredential(workspaceId: string) {
  const keys = await query("select id from api_keys where workspace_id = $1", [workspaceId])
  expect(keys, "no key of the pool is left").toEqual([])
  const agents = await query(
    "select hashed_token from workspace_agents where workspace_id = $1 and hashed_token is not null",
    [workspaceId],
  )
  for (const { hashed_token } of agents) {
    const token =
      hashed_token instanceof Uint8Array
        ? `\\x${hashed_token.reduce((hex, byte) => hex + byte.toString(16).padStart(2, "0"), "")}`
        : hashed_token
    await expect(
      query("select authenticate_agent($1)", [token]),
      "the pool's agent token",
    ).rejects.toThrow(/cannot authenticate/)
  }
}
