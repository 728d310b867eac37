// A database that is gone: what is known goes on, what is unknown is refused, and nothing that was
// acknowledged is lost. And shards: idle ones cost nothing, and their number may change.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { afterEach, beforeEach, expect, test } from "vitest"
import { flushUsage } from "../../../src/usage/tracker/flush-shards.ts"
import {
  trackerOf,
  trackerOfShard,
  usageShardCount,
  usageShardOf,
} from "../../../src/usage/tracker/shards.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, query } from "../harness.ts"

const passOn = neonConfig.fetchFunction as typeof fetch
// Shards outlive a file of tests, and another file's clock may have been ahead of this one's when
// it renewed what they remember.
beforeEach(async () => {
  for (let shard = 0; shard < usageShardCount; shard++) {
    await runInDurableObject(trackerOfShard(env, shard), (_, { storage }) => {
      storage.sql.exec("delete from counters")
    })
  }
})
afterEach(() => {
  neonConfig.fetchFunction = passOn
})
const breakDatabase = () => {
  neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
}

async function given() {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), {
    build: { columns: { deadline: afterEpoch(600_000) } },
  })
  const agent = await givenAgent(workspace, workspace.build)
  return { user, workspace, agent }
}

const ping = (workspaceId: string, token: string, body?: unknown) =>
  api(`/api/v2/workspaces/${workspaceId}/usage`, { method: "POST", token, body })

async function lastUsed(id: string): Promise<Date> {
  const [row] = await query("select last_used_at from workspaces where id = $1", [id])
  return new Date(row.last_used_at)
}

test("an outage keeps a known heartbeat and answers 503 to an unknown one", async () => {
  const [known, unknown] = [await given(), await given()]
  // Not in use lately, so that no look-ahead has come to know it.
  await query("update api_keys set last_used_at = null where user_id = $1", [unknown.user.id])
  at(afterEpoch(0))
  expect((await ping(known.workspace.id, known.user.token)).status).toBe(204)
  breakDatabase()
  at(afterEpoch(60_000))
  const body = { agent_id: known.agent.id, app_name: "ssh" }
  expect((await ping(known.workspace.id, known.user.token, body)).status).toBe(204)
  expect((await ping(unknown.workspace.id, unknown.user.token)).status).toBe(503)
  // Remembered for sixty seconds and no longer.
  at(afterEpoch(60_001))
  expect((await ping(known.workspace.id, known.user.token)).status).toBe(503)
  expect((await flushUsage(env)).shards).toContain(usageShardOf(known.workspace.id))
  await evictDurableObject(trackerOf(env, known.workspace.id))
  neonConfig.fetchFunction = passOn
  expect((await flushUsage(env)).shards).toEqual([])
  expect(await lastUsed(known.workspace.id)).toEqual(afterEpoch(60_000))
  const [build] = await query("select deadline from workspace_builds where id = $1", [
    known.workspace.build.id,
  ])
  expect(new Date(build.deadline)).toEqual(afterEpoch(60_000 + 3_600_000))
})

test("an agent's report is 503 while the database is gone", async () => {
  const { agent } = await given()
  breakDatabase()
  const answer = await api("/api/v2/workspaceagents/me/report-stats", {
    method: "POST",
    token: agent.token,
    body: { connection_count: 1 },
  })
  expect(answer.status).toBe(503)
})

test("an hour of heartbeats without a database is one row per workspace", async () => {
  const { workspace } = await given()
  const tracker = env.USAGE_TRACKER.getByName(`usage-test-${crypto.randomUUID()}`)
  breakDatabase()
  for (let minute = 1; minute <= 60; minute++) {
    const mark = {
      workspaceId: workspace.id,
      seenAtMs: afterEpoch(minute * 60_000).getTime(),
      bump: null,
    }
    await tracker.keep({ marks: [mark], stats: [], permit: null })
    await runDurableObjectAlarm(tracker)
  }
  expect(await tracker.waiting()).toEqual({ rows: 1, oldestAtMs: afterEpoch(3_600_000).getTime() })
  neonConfig.fetchFunction = passOn
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(3_600_000))
})

test("a shard with nothing to write sends no statement and sets no alarm", async () => {
  const { user, workspace } = await given()
  const tracker = trackerOf(env, workspace.id)
  at(afterEpoch(0))
  await ping(workspace.id, user.token)
  await flushUsage(env)
  let asked = 0
  neonConfig.fetchFunction = (...args: Parameters<typeof fetch>) => {
    asked++
    return passOn(...args)
  }
  await flushUsage(env)
  // The one that was set for the mark.
  expect(await runDurableObjectAlarm(tracker)).toBe(true)
  expect(asked).toBe(0)
  expect(await runInDurableObject(tracker, (_, state) => state.storage.getAlarm())).toBe(null)
})

test("an alarm that is delivered twice writes once and leaves none behind", async () => {
  const { workspace } = await given()
  const tracker = env.USAGE_TRACKER.getByName(`usage-test-${crypto.randomUUID()}`)
  const mark = { workspaceId: workspace.id, seenAtMs: afterEpoch(5_000).getTime(), bump: null }
  await tracker.keep({ marks: [mark], stats: [], permit: null })
  const writes: string[] = []
  neonConfig.fetchFunction = async (...args: Parameters<typeof fetch>) => {
    const answer = await passOn(...args)
    const { rows } = await answer.clone().json<{ rows: [string][] }>()
    writes.push(String(rows[0]?.[0]))
    return answer
  }
  await runInDurableObject(tracker, async (object) => {
    await Promise.all([object.alarm(), object.alarm()])
    await object.alarm()
  })
  expect(writes).toEqual(["1"])
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(5_000))
})

test("rows of a shard that is no longer used drain by its own alarm", async () => {
  const { workspace } = await given()
  const old = env.USAGE_TRACKER.getByName(`usage-${usageShardCount + 3}`)
  const mark = (ms: number) => ({
    workspaceId: workspace.id,
    seenAtMs: afterEpoch(ms).getTime(),
    bump: null,
  })
  await old.keep({ marks: [mark(10_000)], stats: [], permit: null })
  await trackerOf(env, workspace.id).keep({ marks: [mark(20_000)], stats: [], permit: null })
  await flushUsage(env)
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(20_000))
  expect(await runDurableObjectAlarm(old)).toBe(true)
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(20_000))
  expect(await old.waiting()).toEqual({ rows: 0, oldestAtMs: null })
})

test("ten thousand heartbeats of one workspace at once are one row and one write", async () => {
  const { workspace } = await given()
  const tracker = trackerOf(env, workspace.id)
  const marks = Array.from({ length: 10_000 }, (_, n) => ({
    workspaceId: workspace.id,
    seenAtMs: afterEpoch(100_000 + (n % 1_000)).getTime(),
    bump: null,
  }))
  await tracker.keep({ marks, stats: [], permit: null })
  expect((await tracker.waiting()).rows).toBe(1)
  await flushUsage(env)
  expect(await lastUsed(workspace.id)).toEqual(afterEpoch(100_999))
})
