// Which prebuild a claim picks, and that no two claims pick the same one.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { prebuilds as cases } from "../../cases/read.ts"
import { statement } from "../../../src/platform/db/client.ts"
import { pickPrebuild, revokePoolKeys } from "../../../src/pools/claim.ts"
import { givenKey, givenUser } from "../given-people.ts"
import { givenBuild } from "../given-workspaces.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import { together, unique } from "../rows.ts"
import {
  database,
  type GivenPool,
  givenNewVersion,
  givenPool,
  givenPrebuild,
  reconcile,
} from "./given-pools.ts"

/** A claim as create workspace makes it, without the build. */
function claim(presetId: string | null, ownerId: string, now: Date) {
  return database().all(
    statement<{ id: string }>(
      "test.claim",
      sql`with picked_prebuild as (${pickPrebuild({ presetId: sql`${presetId}`, now })}),
        revoked_pool_keys as (${revokePoolKeys}),
        claimed as (update workspaces w set owner_id = ${ownerId}, name = ${`claimed-${unique(8)}`}
          from picked_prebuild p where w.id = p.id returning w.id)
      select id from claimed`,
    ),
  )
}

test.each(cases.groups.prebuildReadyView)(
  "$readyAgents ready and $notReadyAgents other agents: ready $ready",
  async ({ readyAgents, notReadyAgents, ready }) => {
    const pool = await givenPool(1)
    const agents = [...Array(readyAgents).fill("ready"), ...Array(notReadyAgents).fill("starting")]
    await givenPrebuild(pool, { agents })
    const user = await givenUser()
    expect(await claim(pool.presetId, user.id, epoch)).toHaveLength(ready ? 1 : 0)
  },
)

type Given = (pool: GivenPool) => Promise<unknown>

const ready = { agents: ["ready"] }
const unclaimable: [string, Given][] = [
  ["its agent is starting", (pool) => givenPrebuild(pool, { agents: ["starting"] })],
  ["its start is running", (pool) => givenPrebuild(pool, { ...ready, status: "running" })],
  ["its start failed", (pool) => givenPrebuild(pool, { ...ready, status: "failed" })],
  [
    "it was stopped",
    async (pool) => givenBuild(await givenPrebuild(pool, ready), { transition: "stop" }),
  ],
  [
    "its deletion is asked for",
    async (pool) =>
      givenBuild(await givenPrebuild(pool, ready), { transition: "delete", status: "pending" }),
  ],
  ["it is deleted", (pool) => givenPrebuild(pool, { ...ready, workspace: { deleted: true } })],
  [
    "it is a person's",
    async (pool) => givenPrebuild(pool, { ...ready, ownerId: (await givenUser()).id }),
  ],
  [
    "its version is no longer active",
    async (pool) => [await givenPrebuild(pool, ready), await givenNewVersion(pool)],
  ],
  [
    "its template is deleted",
    async (pool) => [
      await givenPrebuild(pool, ready),
      await query("update templates set deleted = true where id = $1", [pool.template.id]),
    ],
  ],
  [
    "it was made before the invalidation",
    async (pool) => [
      await givenPrebuild(pool, { ...ready, at: afterEpoch(-1) }),
      await query("update template_version_presets set last_invalidated_at = $2 where id = $1", [
        pool.presetId,
        epoch,
      ]),
    ],
  ],
  [
    "it is older than the ttl",
    async (pool) => [
      await givenPrebuild(pool, { ...ready, at: afterEpoch(-60_001) }),
      await query("update template_version_presets set invalidate_after_secs = 60 where id = $1", [
        pool.presetId,
      ]),
    ],
  ],
]

test.each(unclaimable)("not claimable: %s", async (_name, given) => {
  const pool = await givenPool(1)
  await given(pool)
  const user = await givenUser()
  expect(await claim(pool.presetId, user.id, epoch)).toEqual([])
})

test("a prebuild of another preset or without a preset is not claimable", async () => {
  const pool = await givenPool(1)
  const neighbour = await givenPool(1)
  const prebuild = await givenPrebuild(pool, ready)
  const user = await givenUser()
  expect(await claim(neighbour.presetId, user.id, epoch)).toEqual([])
  expect(await claim(null, user.id, epoch)).toEqual([])
  expect(await claim(pool.presetId, user.id, epoch)).toEqual([{ id: prebuild.id }])
  expect(await claim(pool.presetId, user.id, epoch)).toEqual([])
})

test("a claim deletes the pool's keys for the prebuild and no neighbour's", async () => {
  const pool = await givenPool(1)
  const prebuild = await givenPrebuild(pool, ready)
  const other = await givenPrebuild(await givenPool(1), ready)
  await givenKey(prebuildsUserId, { workspace_id: prebuild.id })
  await givenKey(prebuildsUserId, { workspace_id: other.id })
  await claim(pool.presetId, (await givenUser()).id, epoch)
  const keys = await query("select workspace_id from api_keys where user_id = $1", [
    prebuildsUserId,
  ])
  expect(keys.map(({ workspace_id }) => workspace_id)).toEqual([other.id])
})

test("200 claims at once on 100 prebuilds give each to one owner, and 100 get none", async () => {
  const pool = await givenPool(100)
  await together(async () => {
    for (let index = 0; index < 100; index++) await givenPrebuild(pool, ready)
  })
  const user = await givenUser()
  const results = await Promise.all(
    Array.from({ length: 200 }, () => claim(pool.presetId, user.id, epoch)),
  )
  const claimed = results.flat().map(({ id }) => id)
  expect(claimed).toHaveLength(100)
  expect(new Set(claimed).size).toBe(100)
  const [{ count }] = await query(
    "select count(*)::int as count from workspaces where owner_id = $1",
    [user.id],
  )
  expect(count).toBe(100)
}, 60_000)

test("of a claim and a deleting reconcile at once, exactly one gets the prebuild", async () => {
  for (let round = 0; round < 10; round++) {
    const pool = await givenPool(0)
    const prebuild = await givenPrebuild(pool, ready)
    const user = await givenUser()
    const [claimed, { builds }] = await Promise.all([
      claim(pool.presetId, user.id, epoch),
      reconcile(epoch),
    ])
    const deleted = builds.filter(({ workspace_id }) => workspace_id === prebuild.id)
    expect(claimed.length + deleted.length).toBe(1)
  }
})

test("claims beside deleting reconciles lose no claim and share no prebuild", async () => {
  const pool = await givenPool(10)
  await together(async () => {
    for (let index = 0; index < 30; index++) await givenPrebuild(pool, ready)
  })
  const user = await givenUser()
  const [claims, ...reconciles] = await Promise.all([
    Promise.all(Array.from({ length: 15 }, () => claim(pool.presetId, user.id, epoch))),
    reconcile(epoch),
    reconcile(epoch),
    reconcile(epoch),
  ])
  const claimed = claims.flat().map(({ id }) => id)
  const deleted = reconciles
    .flatMap(({ builds }) => builds)
    .filter(({ preset_id, transition }) => preset_id === pool.presetId && transition === "delete")
    .map(({ workspace_id }) => workspace_id)
  expect(new Set(deleted).size).toBe(deleted.length)
  expect(new Set([...claimed, ...deleted]).size).toBe(claimed.length + deleted.length)
  // A claim finds none only where the deletions had taken all that it could see.
  expect(claimed.length).toBeGreaterThanOrEqual(10)
  const owned = await query("select latest_transition from workspaces where owner_id = $1", [
    user.id,
  ])
  expect(owned).toEqual(claimed.map(() => ({ latest_transition: "start" })))
})
