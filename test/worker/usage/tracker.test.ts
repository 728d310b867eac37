// What the tracker promises when things go wrong: eviction, a database that is gone, marks that
// arrive while it flushes.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { afterEach, describe, expect, test } from "vitest"
import type { AgentStat, Mark } from "../../../src/usage/tracker/mark.ts"
import { usageShardCount, usageShardOf } from "../../../src/usage/tracker/shards.ts"
import { statRowsMax } from "../../../src/usage/tracker/storage/stats.ts"
import { lifecycle as cases } from "../../cases/read.ts"
import { givenKey, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import { until } from "../until.ts"

const trackerNamed = () => env.USAGE_TRACKER.getByName(`usage-test-${crypto.randomUUID()}`)
const markAt = (workspaceId: string, at: Date): Mark => ({
  workspaceId,
  seenAtMs: at.getTime(),
  bump: null,
})
const marks = (...list: Mark[]) => ({ marks: list, stats: [], permit: null })
type Tracker = ReturnType<typeof trackerNamed>

async function givenWorkspaces(count: number): Promise<string[]> {
  const given = {
    columns: { last_used_at: epoch },
    build: { columns: { deadline: afterEpoch(600_000) } },
  }
  const user = await givenUser()
  const template = await givenTemplate(user)
  const made = []
  for (let i = 0; i < count; i++) made.push((await givenWorkspace(user, template, given)).id)
  return made
}

async function lastUsed(id: string | undefined): Promise<string> {
  const [row] = await query("select last_used_at from workspaces where id = $1", [id])
  return new Date(row.last_used_at).toISOString()
}

// What stands between the tracker and the database: passes on, fails, or waits.
const passOn = neonConfig.fetchFunction as typeof fetch
afterEach(() => {
  neonConfig.fetchFunction = passOn
})
const breakDatabase = () => {
  neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
}

describe("usage_tracker", () => {
  const [twoInstances, concurrent] = cases.groups.usage_tracker
  test(twoInstances!.name, async () => {
    const input = twoInstances!.input as unknown as {
      workspaces: number
      marked_by_A: number[]
      marked_by_B: number[]
      initial_last_used_at: string
      heartbeat_time_A: string
      heartbeat_time_B: string
    }
    const ids = await givenWorkspaces(input.workspaces)
    await query("update workspaces set last_used_at = $1", [input.initial_last_used_at])
    const [a, b] = [trackerNamed(), trackerNamed()]
    await a.keep(
      marks(...input.marked_by_A.map((i) => markAt(ids[i]!, new Date(input.heartbeat_time_A)))),
    )
    await b.keep(
      marks(...input.marked_by_B.map((i) => markAt(ids[i]!, new Date(input.heartbeat_time_B)))),
    )
    expect((await a.flush()).used).toBe(5)
    expect((await b.flush()).used).toBe(5)
    const expected = (twoInstances!.expected as unknown as { last_used_at: Record<string, string> })
      .last_used_at
    for (const [i, at] of Object.entries(expected)) {
      expect(await lastUsed(ids[Number(i)])).toBe(new Date(at).toISOString())
    }
  })

  test(concurrent!.name, async () => {
    const ids = await givenWorkspaces(32)
    const tracker = trackerNamed()
    const at = afterEpoch(60_000)
    // Ticks that come while one runs share its report, so what was written is counted where the
    // database answers.
    let [calls, written] = [0, 0]
    neonConfig.fetchFunction = async (...args: Parameters<typeof fetch>) => {
      const answer = await passOn(...args)
      const { rows } = await answer.clone().json<{ rows: [string][] }>()
      calls += 1
      written += Number(rows[0]?.[0])
      return answer
    }
    await Promise.all(
      ids.flatMap((id) => [tracker.keep(marks(markAt(id, at))).then(() => null), tracker.flush()]),
    )
    await tracker.flush()
    neonConfig.fetchFunction = passOn
    expect(written).toBe((concurrent!.expected as { total_flushed: number }).total_flushed)
    expect(calls).toBeLessThanOrEqual(32)
    const [row] = await query(
      "select count(*)::int as n from workspaces where last_used_at = $1 and id = any($2::uuid[])",
      [at, ids],
    )
    expect(row.n).toBe(32)
  })
})

test("what was acknowledged survives an eviction", async () => {
  const [id] = await givenWorkspaces(1)
  const tracker = trackerNamed()
  await tracker.keep(marks(markAt(id!, afterEpoch(1_000))))
  await evictDurableObject(tracker)
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  expect(await lastUsed(id)).toBe(afterEpoch(1_000).toISOString())
})

test("a failed flush keeps its rows and is tried again", async () => {
  const [id] = await givenWorkspaces(1)
  const tracker = trackerNamed()
  await tracker.keep(marks(markAt(id!, afterEpoch(2_000))))
  breakDatabase()
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  for (let tries = 0; tries < 8; tries++) await tracker.flush()
  expect(await tracker.flush()).toMatchObject({ ok: false, left: 1 })
  expect(await delayOfAlarm(tracker)).toBeLessThanOrEqual(60_000)
  neonConfig.fetchFunction = passOn
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  expect(await lastUsed(id)).toBe(afterEpoch(2_000).toISOString())
  expect(await runDurableObjectAlarm(tracker)).toBe(false)
})

test("a mark that arrives during a flush is kept for the next one", async () => {
  const [id] = await givenWorkspaces(1)
  const tracker = trackerNamed()
  await tracker.keep(marks(markAt(id!, afterEpoch(1_000))))
  // Flags and not promises: an object must not continue what another context resolves.
  const state = { isSent: false, isReleased: false }
  neonConfig.fetchFunction = async (...args: Parameters<typeof fetch>) => {
    state.isSent = true
    await until(() => state.isReleased)
    return passOn(...args)
  }
  const flushing = runDurableObjectAlarm(tracker)
  await until(() => state.isSent)
  await tracker.keep(marks(markAt(id!, afterEpoch(9_000))))
  state.isReleased = true
  await flushing
  expect(await lastUsed(id)).toBe(afterEpoch(1_000).toISOString())
  neonConfig.fetchFunction = passOn
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  expect(await lastUsed(id)).toBe(afterEpoch(9_000).toISOString())
})

test("a flush whose answer was lost is harmless when it is repeated", async () => {
  const [id] = await givenWorkspaces(1)
  const tracker = trackerNamed()
  const stat = givenStat(id!)
  await tracker.keep({ marks: [markAt(id!, afterEpoch(1_000))], stats: [stat], permit: null })
  neonConfig.fetchFunction = async (...args: Parameters<typeof fetch>) => {
    await passOn(...args)
    throw new Error("the connection was cut")
  }
  expect((await tracker.flush()).ok).toBe(false)
  neonConfig.fetchFunction = passOn
  expect((await tracker.flush()).ok).toBe(true)
  const [row] = await query(
    "select count(*)::int as n from workspace_agent_stats where agent_id = $1",
    [stat.agent_id],
  )
  expect(row.n).toBe(1)
})

test("statistics that the database refuses do not hold back the marks", async () => {
  const [id] = await givenWorkspaces(1)
  const tracker = trackerNamed()
  const stat = { ...givenStat(id!), connection_count: 2 ** 40 }
  await tracker.keep({ marks: [markAt(id!, afterEpoch(3_000))], stats: [stat], permit: null })
  expect(await tracker.flush()).toMatchObject({ ok: true, left: 0 })
  expect(await lastUsed(id)).toBe(afterEpoch(3_000).toISOString())
})

test("a mark that the database refuses does not hold back the others", async () => {
  const ids = await givenWorkspaces(9)
  const [, , , bumping, lost] = ids
  await query(
    `create function refuse_bump() returns trigger language plpgsql as $$ begin
       if new.workspace_id = '${bumping}' then raise numeric_value_out_of_range; end if;
       return new; end $$`,
  )
  await query(
    `create function refuse_use() returns trigger language plpgsql as $$ begin
       if new.id = '${lost}' then raise numeric_value_out_of_range; end if; return new; end $$`,
  )
  await query(`create trigger refuse_bump before update on workspace_builds
    for each row execute function refuse_bump()`)
  await query(`create trigger refuse_use before update on workspaces
    for each row execute function refuse_use()`)
  const usedAt = afterEpoch(60_000)
  const tracker = trackerNamed()
  await tracker.keep({
    marks: ids.map((id) => ({ ...markAt(id, usedAt), bump: { nextAutostartAtMs: null } })),
    stats: [],
    permit: null,
  })
  const report = await tracker.flush()
  await query("drop trigger refuse_bump on workspace_builds")
  await query("drop trigger refuse_use on workspaces")
  expect(report).toMatchObject({ ok: true, left: 0 })
  for (const id of ids)
    expect([id, await lastUsed(id)]).toEqual([id, (id === lost ? epoch : usedAt).toISOString()])
})

test("a permit that the database refuses does not hold back the marks", async () => {
  const [id] = await givenWorkspaces(1)
  const tracker = trackerNamed()
  const facts = {
    ownerId: crypto.randomUUID(),
    templateId: crypto.randomUUID(),
    isPrebuild: false,
    autostartSchedule: null,
    autostartDays: 127,
    agentIds: [],
  }
  // A hash that is not hexadecimal: decoding it fails.
  const permit = {
    keyId: "0123456789",
    keyHash: "zz",
    workspaceId: id!,
    checkedAtMs: epoch.getTime(),
    ip: "",
    facts,
  }
  const [user] = await query("select owner_id from workspaces where id = $1", [id])
  await givenKey(user.owner_id, { id: permit.keyId })
  await tracker.keep({ marks: [markAt(id!, afterEpoch(4_000))], stats: [], permit })
  expect(await tracker.flush()).toMatchObject({ ok: true, left: 0 })
  expect(await lastUsed(id)).toBe(afterEpoch(4_000).toISOString())
})

test("statistics are bounded while the database is gone", async () => {
  const tracker = trackerNamed()
  const stats = Array.from({ length: 5_000 }, () => givenStat(crypto.randomUUID()))
  for (let i = 0; i < statRowsMax; i += stats.length)
    await tracker.keep({ marks: [], stats, permit: null })
  await tracker.keep({ marks: [], stats: stats.slice(0, 10), permit: null })
  const kept = await runInDurableObject(tracker, (_, state) =>
    Number(state.storage.sql.exec("select count(*) as n from stats").one()["n"]),
  )
  expect(kept).toBe(statRowsMax)
})

test("SQL and the Worker agree on a workspace's shard", async () => {
  const ids = Array.from({ length: 50 }, () => crypto.randomUUID())
  const rows = await query(
    "select id::text, stable_hash(id::text) % $2::int as shard from unnest($1::uuid[]) id",
    [ids, usageShardCount],
  )
  for (const row of rows) expect(usageShardOf(row.id)).toBe(Number(row.shard))
})

function delayOfAlarm(tracker: Tracker): Promise<number> {
  return runInDurableObject(
    tracker,
    async (_, state) => (await state.storage.getAlarm())! - Date.now(),
  )
}

function givenStat(workspaceId: string): AgentStat {
  return {
    created_at: epoch.toISOString(),
    user_id: crypto.randomUUID(),
    workspace_id: workspaceId,
    template_id: crypto.randomUUID(),
    agent_id: crypto.randomUUID(),
    connections_by_proto: { TCP: 1 },
    connection_count: 1,
    connection_median_latency_ms: 4,
    rx_packets: 1,
    rx_bytes: 2,
    tx_packets: 3,
    tx_bytes: 4,
    session_count_vscode: 0,
    session_count_jetbrains: 0,
    session_count_reconnecting_pty: 0,
    session_count_ssh: 0,
    usage: false,
  }
}
