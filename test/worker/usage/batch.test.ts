// Use that a trusted reporter saw: many workspaces a call, refused alike where unknown or
// another's; and sessions with applications.
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { neonConfig } from "@neondatabase/serverless"
import { afterEach, describe, expect, test } from "vitest"
import { flushUsage } from "../../../src/usage/tracker/flush-shards.ts"
import { trackerOf } from "../../../src/usage/tracker/shards.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"

const passOn = neonConfig.fetchFunction as typeof fetch
afterEach(() => {
  neonConfig.fetchFunction = passOn
})

async function given() {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template, {
    build: { columns: { deadline: afterEpoch(600_000) } },
  })
  const agent = await givenAgent(workspace, workspace.build)
  return { user, template, workspace, agent }
}
type Given = Awaited<ReturnType<typeof given>>

async function lastUsed(id: string): Promise<Date> {
  const [row] = await query("select last_used_at from workspaces where id = $1", [id])
  return new Date(row.last_used_at)
}

describe("a batch of workspaces", () => {
  const mark = (token: string, ids: unknown) =>
    api("/api/v2/workspaces/usage", { method: "POST", token, body: { workspace_ids: ids } })

  test("marks each, moves no deadline, and refuses others", async () => {
    const mine = await given()
    const second = await givenWorkspace(mine.user, mine.template)
    const gone = await givenWorkspace(mine.user, mine.template)
    await query("update workspaces set deleted = true where id = $1", [gone.id])
    const theirs = await given()
    const unknown = crypto.randomUUID()
    at(afterEpoch(30_000))
    const ids = [mine.workspace.id, unknown, theirs.workspace.id, second.id, gone.id, second.id]
    const answer = await mark(mine.user.token, ids)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ accepted: 2, refused: [unknown, theirs.workspace.id, gone.id] })
    await flushUsage(env)
    expect(await lastUsed(mine.workspace.id)).toEqual(afterEpoch(30_000))
    expect(await lastUsed(second.id)).toEqual(afterEpoch(30_000))
    expect(await lastUsed(theirs.workspace.id)).toEqual(epoch)
    const [build] = await query("select deadline from workspace_builds where id = $1", [
      mine.workspace.build.id,
    ])
    expect(new Date(build.deadline)).toEqual(afterEpoch(600_000))
  })

  test("a caller who may only read a workspace marks nothing", async () => {
    const { workspace } = await given()
    const reader = await givenUser({ roles: ["template-admin"] })
    expect((await mark(reader.token, [workspace.id])).body).toEqual({
      accepted: 0,
      refused: [workspace.id],
    })
  })

  test("a thousand workspaces take one statement and one call per shard", async () => {
    const { user } = await given()
    const ids = Array.from({ length: 1_001 }, () => crypto.randomUUID())
    let statements = 0
    neonConfig.fetchFunction = (...args: Parameters<typeof fetch>) => {
      statements++
      return passOn(...args)
    }
    expect((await mark(user.token, ids.slice(1))).body.refused).toHaveLength(1_000)
    expect(statements).toBe(1)
    expect((await mark(user.token, ids)).status).toBe(400)
  })

  test.each([
    ["none", []],
    ["no list", "x"],
    ["no ids", ["x"]],
  ])("400 for %s", async (_, ids) => {
    const { user } = await given()
    expect((await mark(user.token, ids)).status).toBe(400)
  })

  test("401 without a token, 503 while the database is gone", async () => {
    const { user, workspace } = await given()
    expect(
      (await api("/api/v2/workspaces/usage", { method: "POST", body: { workspace_ids: [] } }))
        .status,
    ).toBe(401)
    neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
    expect((await mark(user.token, [workspace.id])).status).toBe(503)
  })
})

describe("sessions with applications", () => {
  const session = (
    { user, workspace, agent }: Given,
    startMs: number,
    endMs: number | null,
    more = {},
  ) => ({
    session_id: crypto.randomUUID(),
    user_id: user.id,
    workspace_id: workspace.id,
    agent_id: agent.id,
    access_method: "path",
    slug_or_port: "code",
    session_started_at: afterEpoch(startMs).toISOString(),
    ...(endMs === null ? {} : { session_ended_at: afterEpoch(endMs).toISOString() }),
    requests: 3,
    ...more,
  })
  const report = (token: string, stats: unknown[]) =>
    api("/api/v2/workspaces/app-stats", { method: "POST", token, body: { stats } })
  const stored = ({ workspace }: Given) =>
    query(
      `select session_id::text, requests, extract(epoch
        from session_started_at - $2::timestamptz)::int as from_s,
         extract(epoch from session_ended_at - $2::timestamptz)::int as to_s
       from workspace_app_stats where workspace_id = $1 order by session_started_at, session_id`,
      [workspace.id, epoch],
    )

  test("short sessions are rolled up by the minute across flushes and evictions", async () => {
    const place = await given()
    const [first, second, later] = [
      session(place, 0, 5_000),
      session(place, 6_000, 9_000),
      session(place, 20_000, 21_000),
    ]
    at(afterEpoch(10_000))
    expect((await report(place.user.token, [first, second])).body).toEqual({
      accepted: 2,
      refused: [],
    })
    await evictDurableObject(trackerOf(env, place.workspace.id))
    expect(await runDurableObjectAlarm(trackerOf(env, place.workspace.id))).toBe(true)
    expect(await stored(place)).toEqual([
      { session_id: first.session_id, requests: 6, from_s: 0, to_s: 60 },
    ])
    expect(await lastUsed(place.workspace.id)).toEqual(afterEpoch(10_000))
    at(afterEpoch(25_000))
    // The second was reported before: it is not counted again.
    await report(place.user.token, [second, later])
    await flushUsage(env)
    expect(await stored(place)).toEqual([
      { session_id: first.session_id, requests: 9, from_s: 0, to_s: 60 },
    ])
    expect(await lastUsed(place.workspace.id)).toEqual(afterEpoch(25_000))
  })

  test("an open session is stored while it lasts and closed by its end", async () => {
    const place = await given()
    const open = session(place, 0, null)
    at(afterEpoch(1_000))
    await report(place.user.token, [open])
    await flushUsage(env)
    expect(await stored(place)).toEqual([])
    at(afterEpoch(100_000))
    await flushUsage(env)
    expect(await stored(place)).toMatchObject([
      { session_id: open.session_id, to_s: 100, requests: 3 },
    ])
    at(afterEpoch(150_000))
    const ended = { ...open, session_ended_at: afterEpoch(140_000).toISOString(), requests: 8 }
    await report(place.user.token, [ended])
    await flushUsage(env)
    expect(await stored(place)).toMatchObject([
      { session_id: open.session_id, to_s: 140, requests: 8 },
    ])
    // Nothing is left to write: the shard sleeps.
    expect(await trackerOf(env, place.workspace.id).waiting()).toEqual({
      rows: 0,
      oldestAtMs: null,
    })
  })

  test("a flush whose answer was lost counts nothing twice", async () => {
    const place = await given()
    at(afterEpoch(10_000))
    const one = session(place, 0, 5_000)
    await report(place.user.token, [one])
    neonConfig.fetchFunction = () => Promise.reject(new Error("connection refused"))
    await flushUsage(env)
    neonConfig.fetchFunction = async (...args: Parameters<typeof fetch>) => {
      await passOn(...args)
      throw new Error("the connection was cut")
    }
    await flushUsage(env)
    neonConfig.fetchFunction = passOn
    await flushUsage(env)
    expect(await stored(place)).toEqual([
      { session_id: one.session_id, requests: 3, from_s: 0, to_s: 60 },
    ])
  })

  test("refuses foreign workspaces and agents, and sessions that are old or reversed", async () => {
    const [place, other] = [await given(), await given()]
    at(afterEpoch(90_000_000))
    const now = 90_000_000
    const bad = [
      session(other, now, now),
      session({ ...place, agent: other.agent }, now, now),
      session(place, now - 86_400_000, now),
      session(place, now - 1_000, now - 2_000),
      session(place, 0, now, { session_started_at: "yesterday" }),
    ]
    const good = session(place, now - 1_000, now)
    const { body } = await report(place.user.token, [...bad, good])
    expect(body).toEqual({ accepted: 1, refused: bad.map((one) => one.session_id) })
  })

  test.each([
    ["a negative count", { requests: -1 }],
    ["an absurd count", { requests: 2 ** 40 }],
    ["an unknown method", { access_method: "magic" }],
    ["an endless name", { slug_or_port: "x".repeat(65) }],
  ])("400 for %s", async (_, more) => {
    const place = await given()
    expect((await report(place.user.token, [session(place, 0, 1_000, more)])).status).toBe(400)
  })
})
