// The look-ahead: a shard without permits reads the likely ones once.
//
// It accepts no more than full authentication would. Where it does not help, it reads less often.
import { evictDurableObject, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { flushUsage } from "../../../src/usage/tracker/flush-shards.ts"
import { trackerOfShard } from "../../../src/usage/tracker/shards.ts"
import { givenKey, givenOrganization, givenUser } from "../given-people.ts"
import { givenBuild } from "../given-workspaces.ts"
import { afterEpoch, at, epoch, query } from "../harness.ts"
import {
  asked,
  breakDatabase,
  countCalls,
  forgetPermits,
  givenPinger,
  givenPingerWithAgent,
  passCalls,
  ping,
  shard,
  standBetween,
  storedCount,
} from "./given-shards.ts"

beforeEach(async () => {
  // What the tests before have left is not in use.
  await query("update api_keys set last_used_at = null")
  at(epoch)
  await forgetPermits()
})
afterEach(passCalls)

const many = async (count: number) => {
  const first = await givenPinger()
  const others = Array.from({ length: count - 1 }, () => givenPinger({ template: first.template }))
  return [first, ...(await Promise.all(others))]
}
const flush = async (ms: number) => {
  at(afterEpoch(ms))
  expect((await flushUsage(env)).shards).toEqual([])
}

describe("what it saves", () => {
  test("one read answers the first pings of a shard, then the flush proves them", async () => {
    const pingers = await many(12)
    const count = countCalls()
    for (const pinger of pingers) expect((await ping(pinger)).status).toBe(204)
    expect(count).toMatchObject({ reads: 1, lookAheads: 1 })
    for (let minute = 1; minute <= 8; minute++) {
      await flush(minute * 60_000 - 5_000)
      at(afterEpoch(minute * 60_000))
      for (const pinger of pingers) expect((await ping(pinger)).status).toBe(204)
    }
    expect(count).toMatchObject({ reads: 1, lookAheads: 1 })
    expect(count.flushes).toBeGreaterThanOrEqual(8)
    await flush(500_000)
    const [row] = await query(
      "select count(*)::int as n from workspaces where id = any ($1::uuid[]) and last_used_at = $2",
      [pingers.map((pinger) => pinger.workspace.id), afterEpoch(480_000)],
    )
    expect(row.n).toBe(12)
  })

  test("first pings at the same time share one", async () => {
    const pingers = await many(12)
    const count = countCalls()
    const answers = await Promise.all(pingers.map((pinger) => ping(pinger)))
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([204]))
    expect(count).toMatchObject({ reads: 1, lookAheads: 1 })
  })

  test("a person alone costs one read, as without it", async () => {
    const alone = await givenPinger()
    const count = countCalls()
    expect((await ping(alone)).status).toBe(204)
    expect(count.reads).toBe(1)
  })

  test("an application's session counts on a permit that was read ahead", async () => {
    const [pinger, other] = [await givenPingerWithAgent(), await givenPinger()]
    await ping(other)
    const count = countCalls()
    at(afterEpoch(10_000))
    const body = { agent_id: pinger.agent.id, app_name: "ssh" }
    expect((await ping(pinger, body)).status).toBe(204)
    expect(count.reads).toBe(0)
    await flush(20_000)
    const [row] = await query(
      `select b.deadline, s.session_count_ssh, s.user_id from workspace_builds b
       join workspace_agent_stats s on s.workspace_id = b.workspace_id where b.id = $1`,
      [pinger.workspace.build.id],
    )
    expect(row).toEqual({
      deadline: afterEpoch(10_000 + 3_600_000),
      session_count_ssh: 1,
      user_id: pinger.user.id,
    })
  })
})

describe("what it costs", () => {
  test("unknown tokens make a shard look ahead half as often each time", async () => {
    const { workspace } = await givenPinger()
    const count = countCalls()
    const storm = async (ms: number) => {
      at(afterEpoch(ms))
      for (let n = 0; n < 5; n++) {
        const token = `${"x".repeat(9)}${n}-${"y".repeat(22)}`
        expect((await ping({ token, workspace })).status).toBe(401)
      }
      return count.lookAheads
    }
    const seen = []
    for (const second of [0, 30, 59, 60, 119, 179, 180, 419, 420])
      seen.push(await storm(second * 1_000))
    expect(seen).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 4])
    // Not even by an eviction.
    await evictDurableObject(trackerOfShard(env, shard))
    expect(await storm(425_000)).toBe(4)
  })

  test("a look-ahead that answered many is repeated after a minute", async () => {
    const pingers = await many(12)
    await query("update api_keys set last_used_at = null")
    const stranger = await givenUser()
    const count = countCalls()
    const miss = {
      token: await givenKey(stranger.id, { last_used_at: null }),
      workspace: pingers[0]!.workspace,
    }
    for (const second of [0, 60, 180]) {
      at(afterEpoch(second * 1_000))
      expect((await ping(miss)).status).toBe(404)
    }
    await query("update api_keys set last_used_at = $1", [afterEpoch(300_000)])
    at(afterEpoch(420_000))
    for (const pinger of pingers) expect((await ping(pinger)).status).toBe(204)
    expect(count.lookAheads).toBe(4)
    at(afterEpoch(480_000))
    expect((await ping(miss)).status).toBe(404)
    expect(count.lookAheads).toBe(5)
  })

  test("an outage allows one look-ahead a minute, and a ping is 503", async () => {
    const pinger = await givenPinger()
    const broken = breakDatabase()
    for (let n = 0; n < 4; n++) expect((await ping(pinger)).status).toBe(503)
    expect(broken.reads).toBe(5)
    passCalls()
    at(afterEpoch(59_000))
    const count = countCalls()
    expect((await ping(pinger)).status).toBe(204)
    expect(count).toMatchObject({ reads: 1, lookAheads: 0 })
  })

  test("permits that no ping used are neither stored nor renewed", async () => {
    const [pinger, silent] = [await givenPinger(), await givenPinger()]
    await ping(pinger)
    expect(await storedCount()).toBe(1)
    await flush(55_000)
    expect(await asked(silent, 60_000)).toBe("kept")
    await forgetPermits()
    at(epoch)
    await ping(pinger)
    await flush(55_000)
    breakDatabase()
    expect(await asked(silent, 60_001)).toBe("unknown")
    passCalls()
    expect(await storedCount()).toBe(1)
    const count = countCalls()
    await flush(110_000)
    expect(count).toMatchObject({ reads: 0, flushes: 0 })
    const tracker = trackerOfShard(env, shard)
    await runInDurableObject(tracker, async (object, { storage }) => {
      await storage.deleteAlarm()
      await object.alarm()
      expect(await storage.getAlarm()).toBe(null)
    })
  })
})

describe("what it never takes", () => {
  type Pinger = Awaited<ReturnType<typeof givenPinger>>
  const run = (sql: string) => (pinger: Pinger) => query(sql, [pinger.user.id])
  const key = (change: string) => run(`update api_keys set ${change} where user_id = $1`)

  test.each<[string, (pinger: Pinger) => Promise<unknown>, number]>([
    ["a revoked key", run("delete from api_keys where user_id = $1"), 401],
    ["an expired key", key("expires_at = '2026-01-01T00:00:00Z'"), 401],
    ["another secret", key("hashed_secret = sha256('other')"), 401],
    ["a suspended owner's", run("update users set status = 'suspended' where id = $1"), 401],
    ["a deleted owner's", run("update users set deleted = true where id = $1"), 401],
    ["a key that no scope lets update", key("scopes = '{workspace:read}'"), 403],
    ["a key that no scope lets read", key("scopes = '{workspace:update}'"), 404],
    ["a key for other things", key("scopes = '{coder:apikeys.manage_self}'"), 404],
    [
      "a key for another workspace",
      key("allow_list = array['workspace:' || gen_random_uuid()]"),
      404,
    ],
    ["a key for templates", key("allow_list = '{template:*}'"), 404],
    ["a former member's", run("delete from organization_members where user_id = $1"), 404],
    ["a deleted workspace", run("update workspaces set deleted = true where owner_id = $1"), 404],
    [
      "a workspace that has become another's",
      async ({ workspace }) =>
        query("update workspaces set owner_id = $2 where id = $1", [
          workspace.id,
          (await givenUser()).id,
        ]),
      404,
    ],
    [
      "a workspace of an organization that its owner is no member of",
      async ({ workspace }) =>
        query("update workspaces set organization_id = $2 where id = $1", [
          workspace.id,
          (await givenOrganization()).id,
        ]),
      404,
    ],
  ])("%s", async (_, change, status) => {
    const [pinger, neighbour] = [await givenPinger(), await givenPinger()]
    await change(pinger)
    const count = countCalls()
    expect(await asked(pinger, 0)).toBe("unknown")
    expect(count).toMatchObject({ reads: 1, lookAheads: 1 })
    // Was looked for, and found nobody but the neighbour.
    expect(await asked(neighbour, 0)).toBe("kept")
    expect((await ping(pinger)).status).toBe(status)
  })

  test("a stranger's key does not reach another's workspace", async () => {
    const [pinger, stranger] = [await givenPinger(), await givenPinger()]
    expect(await asked(pinger, 0)).toBe("kept")
    const foreign = { token: stranger.token, workspace: pinger.workspace }
    expect(await asked(foreign, 0)).toBe("unknown")
    expect((await ping(foreign)).status).toBe(404)
  })

  test("a dormant person, who authenticates in full and is woken", async () => {
    const pinger = await givenPinger({ user: { status: "dormant" } })
    expect(await asked(pinger, 0)).toBe("unknown")
    expect((await ping(pinger)).status).toBe(204)
    const [row] = await query("select status from users where id = $1", [pinger.user.id])
    expect(row.status).toBe("active")
  })

  test("who was not in use within the hour, or whose workspace does not run", async () => {
    const idle = await givenPinger({ key: { last_used_at: afterEpoch(-2 * 3_600_000) } })
    const stopped = await givenPinger()
    await givenBuild(stopped.workspace, { transition: "stop" })
    for (const pinger of [idle, stopped]) {
      expect(await asked(pinger, 0)).toBe("unknown")
      expect((await ping(pinger)).status).toBe(204)
    }
  })

  test.each([
    ["all that is done with workspaces", { scopes: ["coder:workspaces.operate"] }],
    ["reading and updating them", { scopes: ["workspace:read", "workspace:update"] }],
  ])("but it takes a key for %s", async (_, columns) => {
    expect(await asked(await givenPinger({ key: columns }), 0)).toBe("kept")
  })

  test("but it takes a key for this very workspace", async () => {
    const pinger = await givenPinger()
    const token = await givenKey(pinger.user.id, {
      allow_list: [`workspace:${pinger.workspace.id}`],
    })
    expect(await asked({ ...pinger, token }, 0)).toBe("kept")
  })
})

describe("for how long", () => {
  test("a key that is revoked after the look-ahead may mark for a minute", async () => {
    const [pinger, silent] = [await givenPinger(), await givenPinger()]
    expect(await asked(pinger, 0)).toBe("kept")
    await query("delete from api_keys where user_id = any ($1::uuid[])", [
      [pinger.user.id, silent.user.id],
    ])
    expect(await asked(pinger, 60_000)).toBe("kept")
    expect(await asked(silent, 60_000)).toBe("kept")
    at(afterEpoch(60_001))
    expect(await asked(pinger, 60_001)).toBe("unknown")
    expect(await asked(silent, 60_001)).toBe("unknown")
  })

  test("a flush proves only the permits that it has read", async () => {
    const [pinger, revoked] = [await givenPinger(), await givenPinger()]
    expect(await asked(pinger, 0)).toBe("kept")
    await query("delete from api_keys where user_id = $1", [revoked.user.id])
    await flush(55_000)
    expect(await asked(revoked, 58_000)).toBe("kept")
    breakDatabase()
    expect(await asked(pinger, 115_000)).toBe("kept")
    expect(await asked(revoked, 60_001)).toBe("unknown")
  })

  test("a permit that is first used during a flush does not count as proven", async () => {
    const [pinger, revoked] = [await givenPinger(), await givenPinger()]
    expect(await asked(pinger, 0)).toBe("kept")
    await query("delete from api_keys where user_id = $1", [revoked.user.id])
    at(afterEpoch(55_000))
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const flushing = await holdFlush(held)
    expect(await asked(revoked, 56_000)).toBe("kept")
    release()
    await flushing.done
    breakDatabase()
    expect(await asked(revoked, 60_001)).toBe("unknown")
    expect(await asked(pinger, 115_000)).toBe("kept")
  })
})

/** Begins a flush whose statement is held back, and returns once it has been sent. */
function holdFlush(held: Promise<void>): Promise<{ done: Promise<unknown> }> {
  return new Promise((resolve) => {
    standBetween(async (pass, ...request) => {
      resolve({ done })
      await held
      return pass(...request)
    })
    const done: Promise<unknown> = trackerOfShard(env, shard).flush()
  })
}
