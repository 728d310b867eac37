// Pings on remembered permits are use of their key: the flush marks it hourly and slides its
// session, as full authentication does.
import { env } from "cloudflare:workers"
import { sql } from "drizzle-orm"
import { afterEach, beforeEach, expect, test } from "vitest"
import { connect, statement } from "../../../src/platform/db/client.ts"
import { flushUsage } from "../../../src/usage/tracker/flush-shards.ts"
import { flushStatement } from "../../../src/usage/tracker/flush-statement.ts"
import { givenKey } from "../given-people.ts"
import { afterEpoch, at, epoch, query } from "../harness.ts"
import { sha256 } from "../rows.ts"
import { asked, countCalls, forgetPermits, givenPinger, passCalls, ping } from "./given-shards.ts"

beforeEach(async () => {
  await query("update api_keys set last_used_at = null")
  at(epoch)
  await forgetPermits()
})
afterEach(passCalls)

const dayMs = 86_400_000
const minutes = (count: number) => count * 60_000
type Columns = Record<string, unknown>

/** A session of a day, or a token, that was last marked, and slid, `agoMs` before the epoch. */
const keyColumns = (loginType: string, agoMs: number): Columns => ({
  login_type: loginType,
  lifetime_seconds: dayMs / 1_000,
  last_used_at: afterEpoch(-agoMs),
  expires_at: afterEpoch(dayMs - agoMs),
  updated_at: afterEpoch(-agoMs),
})
const keyOf = async (token: string) =>
  (
    await query("select last_used_at, expires_at, updated_at, ip from api_keys where id = $1", [
      token.slice(0, 10),
    ])
  )[0]
const seenAt = async (userId: string) =>
  (await query("select last_seen_at from users where id = $1", [userId]))[0].last_seen_at

test.each([
  ["token", 70],
  ["password", 70],
  ["token", 50],
  ["password", 50],
  ["password", 61],
])(
  "a %s marked %i minutes ago is left as full authentication leaves it",
  async (loginType, agoMinutes) => {
    const columns = keyColumns(loginType, minutes(agoMinutes))
    const pinger = await givenPinger({ key: columns })
    const twin = await givenKey(pinger.user.id, { ...columns, token_name: "twin" })
    const [keyId, secret = ""] = twin.split("-")
    await connect(env.DATABASE_URL).all(
      statement(
        "test.authenticate",
        sql`select authenticate_user(${keyId}, ${await sha256(secret)}::bytea,
          ${epoch}::timestamptz, '10.0.0.1')`,
      ),
    )
    const { user, token, workspace } = pinger
    const permit = {
      key_id: token.slice(0, 10),
      key_hash: [...(await sha256(token.slice(11)))]
        .map((byte) => byte.toString(16).padStart(2, "0"))
        .join(""),
      workspace_id: workspace.id,
      checked_at_ms: epoch.getTime(),
      used_at_ms: epoch.getTime(),
      ip: "10.0.0.1",
      facts: "",
    }
    const input = {
      now: afterEpoch(55_000),
      used: [],
      stats: [],
      apps: [],
      permits: [permit, permit],
    }
    const [flushed] = await connect(env.DATABASE_URL).all(flushStatement(input))
    expect(flushed?.renewed).toHaveLength(2)
    expect(await keyOf(token)).toEqual(await keyOf(twin))
    expect(await seenAt(user.id)).toEqual(epoch)
  },
)

test("a stream of pings marks its key hourly and keeps its session alive", async () => {
  const pinger = await givenPinger({ key: keyColumns("password", minutes(58)) })
  const count = countCalls()
  for (let minute = 0; minute <= 130; minute++) {
    at(afterEpoch(minutes(minute)))
    expect((await ping(pinger, undefined, { "CF-Connecting-IP": `10.0.0.${minute}` })).status).toBe(
      204,
    )
    at(afterEpoch(minutes(minute) + 55_000))
    await flushUsage(env)
    const { last_used_at: usedAt, expires_at: expiresAt } = await keyOf(pinger.token)
    // An hour, and two minutes until it is noted that the permit was used.
    const pingMs = afterEpoch(minutes(minute)).getTime()
    expect(pingMs - new Date(usedAt).getTime()).toBeLessThanOrEqual(minutes(63))
    expect(pingMs + dayMs - new Date(expiresAt).getTime()).toBeLessThanOrEqual(minutes(63))
  }
  // A flush a minute.
  expect(count).toMatchObject({ reads: 1, lookAheads: 1 })
  expect(count.flushes).toBeGreaterThanOrEqual(131)
  const {
    last_used_at: usedAt,
    ip,
    expires_at: expiresAt,
    updated_at: slidAt,
  } = await keyOf(pinger.token)
  expect(new Date(usedAt).getTime()).toBeGreaterThan(afterEpoch(minutes(60)).getTime())
  expect(new Date(expiresAt).getTime() - new Date(slidAt).getTime()).toBe(dayMs)
  expect(ip).toBe(`10.0.0.${(new Date(usedAt).getTime() - epoch.getTime()) / 60_000}`)
  expect(await seenAt(pinger.user.id)).toEqual(usedAt)
}, 60_000)

test("a permit that no ping uses marks nothing", async () => {
  const columns = keyColumns("password", minutes(62))
  const [pinger, silent] = [
    await givenPinger({ key: columns }),
    await givenPinger({ key: columns }),
  ]
  const before = await keyOf(silent.token)
  expect(await asked(pinger, 0)).toBe("kept")
  at(afterEpoch(55_000))
  await flushUsage(env)
  expect(await keyOf(silent.token)).toEqual(before)
  expect((await keyOf(pinger.token)).last_used_at).toEqual(epoch)
})

test("a flush skips a key that another statement holds", async () => {
  const columns = keyColumns("token", minutes(62))
  const pinger = await givenPinger({ key: columns })
  const keyId = pinger.token.slice(0, 10)
  expect(await asked(pinger, 1_000)).toBe("kept")
  // A function that is volatile sees what was committed since its statement began.
  await query(`create function is_marked(p_id uuid, p_at timestamptz) returns boolean
    language plpgsql volatile as $$ begin return exists (
      select 1 from workspaces where id = p_id and last_used_at = p_at); end $$`)
  // Held until the flush has been committed, which it never is if it waits.
  const holding = connect(env.DATABASE_URL).batch([
    statement("test.hold", sql`select 1 from api_keys where id = ${keyId} for update`),
    statement(
      "test.wait-for-flush",
      sql`with recursive tries(n, is_over) as (
          select 1, false
          union all
          select n + 1, pg_sleep(0.01) is not null and is_marked(${pinger.workspace.id}::uuid,
            ${afterEpoch(1_000)})
          from tries where not is_over and n < 1000
        ) select count(*) from tries`,
    ),
  ])
  while (
    (await query("select 1 from api_keys where id = $1 for update skip locked", [keyId])).length > 0
  );
  at(afterEpoch(55_000))
  expect((await flushUsage(env)).shards).toEqual([])
  await holding
  expect((await keyOf(pinger.token)).last_used_at).toEqual(columns["last_used_at"])
  await asked(pinger, 60_000)
  at(afterEpoch(110_000))
  await flushUsage(env)
  expect((await keyOf(pinger.token)).last_used_at).toEqual(afterEpoch(1_000))
})
