// Days of virtual time with faults, from a seed.
//
// The Worker and the database are real. Ticks are missed, doubled, late and killed; connections
// die; daemons fail or vanish. Every invariant holds after each step, and afterwards all work is
// finished.
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, expect, inject, test, vi } from "vitest"
import { backupClockName } from "../../../src/lifecycle/tick/backup-clock.ts"
import { withFaults } from "../faults.ts"
import { afterEpoch, api, at, query, tick } from "../harness.ts"
import { type Random, seededRandom } from "../seeded-random.ts"
import { effectBetween } from "./effects.ts"
import { emptyMemory, expectInvariants } from "./invariants.ts"
import { decide } from "./model.ts"
import { readFacts } from "./population.ts"
import { act, givenTown, provision, type Town } from "./simulation-world.ts"

const minuteMs = 60_000
const stepsDefault = 30
const seedDefault = 12
const webhookUrl = "https://sink.example.test/hook"

afterEach(() => vi.unstubAllGlobals())

/** A webhook's target that fails now and then. Answers the ids of what it took. */
function givenSink(random: Random): Map<string, number> {
  const taken = new Map<string, number>()
  const realFetch = globalThis.fetch
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init)
    if (request.url !== webhookUrl) return realFetch(request)
    if (random.oneIn(4)) return new Response(null, { status: 503 })
    const id = request.headers.get("webhook-id") ?? ""
    taken.set(id, (taken.get(id) ?? 0) + 1)
    return new Response(null, { status: 204 })
  })
  return taken
}

type Ticking = (now: Date, random: Random) => Promise<unknown>

/** A tick that dies: its error is its own affair. */
const tolerant = (run: Promise<unknown>) => run.catch(() => undefined)

const tickings: Record<string, Ticking> = {
  "on time": (now) => tick(now),
  missed: () => Promise.resolve(),
  doubled: (now) => Promise.all([tick(now), tick(now)]),
  late: async (now, random) => {
    await tick(now)
    await tick(new Date(now.getTime() - (1 + random.below(5)) * minuteMs))
  },
  dying: (now, random) => {
    const from = 1 + random.below(14)
    const fault = random.pick(["request_lost", "answer_lost"] as const)
    return withFaults(
      (_, call) => (call < from ? null : call === from ? fault : "request_lost"),
      () => tick(now),
    )
  },
  "losing answers": (now, random) =>
    withFaults(
      () => (random.oneIn(6) ? random.pick(["request_lost", "answer_lost"] as const) : null),
      () => tick(now),
    ),
  "without its backends": (now) =>
    tolerant(
      Promise.all([
        tick(now),
        query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        ),
      ]),
    ),
  "by the second clock": (now) => {
    at(now)
    return runDurableObjectAlarm(env.BACKUP_CLOCK.getByName(backupClockName))
  },
}

async function play(town: Town, steps: number, startAt: Date): Promise<Date> {
  const { random, log } = town
  const memory = emptyMemory()
  let now = startAt
  for (let step = 0; step < steps; step++) {
    await act(town, now)
    now = new Date(now.getTime() + (1 + random.below(150)) * minuteMs)
    if (now.getTime() >= town.silentUntilMs)
      await query("update provisioner_daemons set last_seen_at = $1", [now])
    const how = step % 3 === 0 ? "on time" : random.pick(Object.keys(tickings))
    log.push(`-- ${now.toISOString()} tick ${how}`)
    await tickings[how]?.(now, random)
    await expectInvariants(memory, now)
    await provision(town, new Date(now.getTime() + 10_000))
  }
  return now
}

/**
 * Without faults from here on: within an hour every job ends, every rule that is due acts, and
 * every message arrives.
 */
async function settle(town: Town, from: Date): Promise<Date> {
  let now = from
  for (let round = 0; round < 6; round++) {
    now = new Date(now.getTime() + 16 * minuteMs)
    await provision(town, now, true)
    await tick(now)
    await provision(town, now, true)
  }
  return now
}

/**
 * A simulation in which nothing happened would prove nothing; a seed of one's own may be a quiet
 * one.
 */
async function expectNotIdle(): Promise<void> {
  const did = await query(
    "select reason || ' ' || transition as what, count(*)::int as n from workspace_builds group by 1",
  )
  const automatic = did.filter(({ what }) => !what.startsWith("initiator"))
  const total = automatic.reduce((sum, { n }) => sum + n, 0)
  expect(total, JSON.stringify(did)).toBeGreaterThanOrEqual(3)
}

test("days of faults break no invariant, and all work ends afterwards", async () => {
  const given = inject("simulation")
  const seed = given.seed ?? seedDefault
  const random = seededRandom(seed)
  const taken = givenSink(random)
  const town = await givenTown(random, afterEpoch(0))
  try {
    const webhook = await api("/api/v2/notifications/webhooks", {
      token: town.admin.token,
      body: { url: webhookUrl },
    })
    expect(webhook.status).toBe(201)
    const endedAt = await play(town, given.steps ?? stepsDefault, afterEpoch(0))
    let now = await settle(town, endedAt)

    const ids = (await query("select id from workspaces")).map((row) => row.id)
    const before = await readFacts(ids)
    await tick(now)
    const after = await readFacts(ids)
    for (const [id, facts] of after) {
      expect(effectBetween(before, after, id), `a tick again: ${JSON.stringify(facts)}`).toBe(
        "none",
      )
      expect(decide(facts, now), JSON.stringify(facts)).toBe("none")
    }

    for (let round = 0; round < 100; round++) {
      const [left] = await query(
        "select count(*)::int as n from notification_deliveries where status = 'pending'",
      )
      if (left.n === 0) break
      now = new Date(now.getTime() + 61 * minuteMs)
      await provision(town, now, true)
      await tick(now)
    }
    const messages = await query(
      `select m.id, m.status, (select count(*)::int from inbox_notifications n where n.id
        = m.id) as shown,
         d.status as delivery from notification_messages m left join notification_deliveries d
           on d.message_id = m.id`,
    )
    for (const message of messages) {
      expect(message).toMatchObject({ status: "delivered", shown: 1, delivery: "delivered" })
      expect(taken.get(message.id) ?? 0).toBeGreaterThanOrEqual(1)
    }
    expect(taken.size).toBe(messages.length)
    if (given.seed === null) await expectNotIdle()
  } catch (error) {
    const story = town.log.slice(-60).join("\n")
    throw new Error(`DORMOUSE_SIMULATION_SEED=${seed}\n${story}`, { cause: error })
  }
}, 600_000)
