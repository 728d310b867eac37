// The look-ahead and the flush's renewal against full authentication and `usagePermission`.
//
// On a generated population of people, keys and workspaces, they allow the same.
import { env } from "cloudflare:workers"
import { sql } from "drizzle-orm"
import { beforeAll, expect, inject, test } from "vitest"
import { connect, statement } from "../../../src/platform/db/client.ts"
import { flushStatement } from "../../../src/usage/tracker/flush-statement.ts"
import { usagePermission } from "../../../src/usage/permission-statement.ts"
import { usageShardCount, usageShardOf } from "../../../src/usage/tracker/shards.ts"
import {
  lookAheadStatement,
  type FoundPermit,
} from "../../../src/usage/tracker/permit-statement.ts"
import { defaultOrganization, givenKey, givenOrganization, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import { seededRandom } from "../seeded-random.ts"

const seed = inject("simulation").seed ?? 20_260_302
const peopleCount = 120
const now = afterEpoch(60_000)

type Pair = { keyId: string; keyHash: string; workspaceId: string }
/**
 * The caller's own running workspaces are the ones to look ahead for; the others are a
 * stranger's, or do not run.
 */
type Drawn = Pair & { isLikely: boolean }
let drawn: Drawn[]

beforeAll(async () => {
  const random = seededRandom(seed)
  const often = <T>(usual: T, ...others: T[]) => (random.oneIn(4) ? random.pick(others) : usual)
  const other = await givenOrganization()
  const organizations = [await defaultOrganization(), other]
  const template = await givenTemplate(await givenUser())
  const keys: { id: string; userId: string; isRecent: boolean }[] = []
  const workspaces: { id: string; ownerId: string; isRunning: boolean }[] = []
  for (let n = 0; n < peopleCount; n++) {
    const roles = often<string[]>([], ["owner"], ["template-admin"], ["auditor"])
    const user = await givenUser({
      roles,
      organization: often(organizations[0]!, other),
      organizationRoles: often<string[]>([], ["organization-admin"], ["organization-auditor"]),
      columns: {
        status: roles.includes("owner") ? "active" : often("active", "suspended", "dormant"),
        deleted: random.oneIn(20),
        is_system: random.oneIn(20),
      },
    })
    await query("delete from api_keys where user_id = $1", [user.id])
    const isRunning = !random.oneIn(5)
    const workspace = await givenWorkspace(user, template, {
      columns: { organization_id: often(organizations[0]!, other).id, deleted: random.oneIn(12) },
      build: { transition: isRunning ? "start" : "stop" },
    })
    if (random.oneIn(2)) await givenAgent(workspace, workspace.build)
    workspaces.push({ id: workspace.id, ownerId: user.id, isRunning })
    for (let key = 0; key < 2; key++) {
      const usedAgoMs = often<number | null>(1_800_000, 3_599_000, 7_200_000, null)
      const token = await givenKey(user.id, {
        login_type: random.pick(["token", "password"]),
        token_name: `key-${key}`,
        scopes: often(
          ["coder:all"],
          ["workspace:read"],
          ["coder:workspaces.operate"],
          ["workspace:*", "user:read"],
          [],
        ),
        allow_list: often(
          ["*:*"],
          [`workspace:${workspace.id}`],
          ["workspace:*"],
          [`*:${workspace.id}`],
          ["template:*"],
          [],
        ),
        expires_at: often(afterEpoch(86_400_000), epoch, now, afterEpoch(60_001)),
        last_used_at: usedAgoMs === null ? null : new Date(now.getTime() - usedAgoMs),
      })
      keys.push({
        id: token.slice(0, 10),
        userId: user.id,
        isRecent: usedAgoMs !== null && usedAgoMs <= 3_600_000,
      })
    }
  }
  const rows = await query<{ id: string; hash: string }>(
    "select id, encode(hashed_secret, 'hex') as hash from api_keys",
  )
  const hashes = new Map(rows.map((row) => [row.id, row.hash]))
  drawn = keys.flatMap((key) => {
    const own = workspaces.filter((workspace) => workspace.ownerId === key.userId)
    return [...own, random.pick(workspaces), random.pick(workspaces)].map((workspace) => ({
      keyId: key.id,
      keyHash: hashes.get(key.id)!,
      workspaceId: workspace.id,
      isLikely: key.isRecent && workspace.ownerId === key.userId && workspace.isRunning,
    }))
  })
}, 120_000)

const db = connect(env.DATABASE_URL)
const nameOf = (pair: Pair) => `${pair.keyId} ${pair.workspaceId}`

/**
 * Asks as a request does, one by one. The facts of those that may, and null for the others and
 * for who had to be woken.
 */
async function askInFull(pairs: readonly Pair[]): Promise<Map<string, unknown>> {
  const dormant = await query<{ id: string }>(
    "select k.id from api_keys k join users u on u.id = k.user_id where u.status = 'dormant'",
  )
  const asleep = new Set(dormant.map((key) => key.id))
  const answers = new Map<string, unknown>()
  for (const pair of pairs) {
    const answer = await db
      .batch([
        statement(
          "test.authenticate",
          sql`select authenticate_user(${pair.keyId}, decode(${pair.keyHash}, 'hex'),
            ${now}::timestamptz, '')`,
        ),
        usagePermission([pair.workspaceId]),
      ])
      .catch(() => null)
    const found = answer?.[1][0]
    answers.set(
      nameOf(pair),
      found?.can_update === true && !asleep.has(pair.keyId) ? found.facts : null,
    )
  }
  return answers
}

test(
  `the look-ahead and the renewal take what full authentication takes (seed ${seed})`,
  { timeout: 120_000 },
  async () => {
    const found: FoundPermit[] = []
    for (let shard = 0; shard < usageShardCount; shard++) {
      const ahead = await db.all(
        lookAheadStatement({ shard, shardCount: usageShardCount }, 10_000, now),
      )
      for (const one of ahead) expect(usageShardOf(one.workspace_id)).toBe(shard)
      found.push(...ahead)
    }
    const rows = drawn.map((pair) => ({
      key_id: pair.keyId,
      key_hash: pair.keyHash,
      workspace_id: pair.workspaceId,
      checked_at_ms: epoch.getTime(),
      used_at_ms: epoch.getTime(),
      ip: "",
      facts: "",
    }))
    const [flushed] = await db.all(
      flushStatement({ now, used: [], stats: [], apps: [], permits: rows }),
    )
    const renewed = new Map(
      flushed!.renewed.map((one) => [nameOf(drawn[one.position - 1]!), one.facts]),
    )
    const full = await askInFull(drawn)

    const ahead = new Map(
      found.map((one) => [
        nameOf({ keyId: one.key_id, keyHash: one.key_hash, workspaceId: one.workspace_id }),
        one,
      ]),
    )
    let [likely, refused] = [0, 0]
    for (const pair of drawn) {
      const name = nameOf(pair)
      const facts = full.get(name)
      expect([name, renewed.get(name) ?? null]).toEqual([name, facts])
      expect([name, ahead.get(name)?.facts ?? null]).toEqual([name, pair.isLikely ? facts : null])
      if (ahead.has(name)) expect(ahead.get(name)?.key_hash).toBe(pair.keyHash)
      if (pair.isLikely && facts !== null) likely += 1
      if (facts === null) refused += 1
    }
    // Nothing was found that was not drawn, and both answers were given often enough to mean
    // something.
    expect([...ahead.keys()].filter((name) => !full.has(name))).toEqual([])
    expect(likely).toBeGreaterThan(30)
    expect(refused).toBeGreaterThan(100)
  },
)
