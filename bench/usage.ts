// Heartbeats through Worker and tracker, against the same route with one UPDATE each.
//
// It also measures what the tracker asks of the database, how old a heartbeat gets, and what a
// crash loses. A last part compares a forwarded port with a direct socket.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { randomBytes } from "node:crypto"
import { sql } from "drizzle-orm"
import { neonConfig } from "@neondatabase/serverless"
import type { Client } from "pg"
import { freePort } from "../dev/process/free-port.ts"
import { startLocalWorker, type LocalWorker } from "../dev/local/worker-process.ts"
import { statement } from "../src/platform/db/client.ts"
import { flushStatement } from "../src/usage/tracker/flush-statement.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import { openHeartbeatClient, type HeartbeatClient } from "./lib/heartbeat-client.ts"
import { median } from "./lib/median.ts"
import { measurePortForward } from "./lib/port-forward-figures.ts"
import type { Result } from "./lib/report.ts"
import { seedHeartbeats, type Heartbeat } from "./lib/seed-usage.ts"

/** The tracker acknowledges what is on the disk, and so does what it is measured against. */
export const isDurable = true

const workspaceCount = 10_000
const clients = 32
const rounds = 3
const heartbeatsPerRound = 3_000
const virtualMinutes = 10
/** The bench's clock moves in steps; the flush interval is a number of them. */
const stepSeconds = 5
const crashes = 5
const rowCount = 10_000
const flushIntervalMs = 55_000

/** The bench's clock begins a day ahead of the platform's: see `step` of the Worker. */
const startMs = Math.ceil(Date.now() / 60_000) * 60_000 + 86_400_000

/** Round trips and statements so far, since the Worker began. */
type Asked = { roundTrips: number; statements: number }
type Step = { asked: Asked; oldestAtMs: number | null }

export async function run({ db, client, url }: BenchDatabase): Promise<Omit<Result, "bench">> {
  const { heartbeats } = await seedHeartbeats(client, workspaceCount, new Date(startMs))
  const directory = mkdtempSync(join(tmpdir(), "dormouse-bench-"))
  try {
    const throughput = await measureThroughput(url, directory, heartbeats)
    const minutes = await measureMinutes(url, directory, heartbeats)
    const lost = await measureCrashes(url, directory, heartbeats, client)
    const batch = await measureBatch(db, client)
    const forward = await measurePortForward()
    return {
      figures: { ...throughput, ...minutes, ...lost, ...batch, ...forward },
      targets: [
        {
          name: "heartbeats a second against one UPDATE each",
          value: throughput.throughputRatio,
          atLeast: 3,
        },
        {
          name: "statements against one UPDATE each, ten minutes from cold",
          value: minutes.statementRatio,
          atLeast: 1_000,
        },
        {
          name: "round trips against one each, ten minutes from cold",
          value: minutes.roundTripRatio,
          atLeast: 1_000,
        },
        {
          name: "age of the oldest unwritten heartbeat, s",
          value: minutes.oldestUnwrittenS,
          atMost: flushIntervalMs / 1_000 + 5,
        },
        {
          name: "acknowledged heartbeats lost in crashes",
          value: lost.acknowledgedLost,
          atMost: 0,
        },
        {
          name: "batch of 10,000 rows against single updates",
          value: batch.batchRatio,
          atLeast: 20,
        },
      ],
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

type System = {
  worker: LocalWorker
  pings: HeartbeatClient
  step: (atMs: number) => Promise<Step>
  stop: () => Promise<void>
}

async function startSystem(url: string, directory: string): Promise<System> {
  const worker = await startLocalWorker({
    port: await freePort(),
    directory,
    entry: "bench/lib/usage-worker.ts",
    bindings: {
      DATABASE_URL: url,
      NEON_ENDPOINT: String(neonConfig.fetchEndpoint),
      SETUP_TOKEN: "bench",
      METRICS_TOKEN: "bench",
      TOKEN_KEYS: `bench:${randomBytes(32).toString("base64")}`,
    },
    onLog: () => {},
  })
  const pings = openHeartbeatClient(worker.url, clients)
  return {
    worker,
    pings,
    step: (atMs) => pings.get<Step>(`/bench/step?at=${atMs}`),
    stop: async () => {
      pings.close()
      await worker.stop()
    },
  }
}

/**
 * In turns, so that a busy machine slows both. Authorizations are cached, as they are for
 * workspaces in use.
 */
async function measureThroughput(url: string, directory: string, heartbeats: readonly Heartbeat[]) {
  const system = await startSystem(url, join(directory, "throughput"))
  await system.step(startMs)
  const sample = heartbeats.slice(0, heartbeatsPerRound)
  await system.pings.send(sample)
  await system.pings.send(sample, { isDirect: true })
  const perSecond = { tracker: [] as number[], direct: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    for (const name of ["tracker", "direct"] as const) {
      const startedAt = performance.now()
      await system.pings.send(sample, { isDirect: name === "direct" })
      perSecond[name].push((sample.length * 1_000) / (performance.now() - startedAt))
    }
  }
  await system.stop()
  const [trackerPerSecond, directPerSecond] = [median(perSecond.tracker), median(perSecond.direct)]
  return { trackerPerSecond, directPerSecond, throughputRatio: trackerPerSecond / directPerSecond }
}

/**
 * Each workspace pings once a minute, spread over it, for ten minutes of the bench's clock; alarms
 * fire when they are due. The tracker begins with an empty cache, and everything that it asks is
 * counted: first contacts and the flush of the last heartbeat too. The route with one UPDATE is
 * counted at the same place over the first minute, and asks the same for each heartbeat.
 */
async function measureMinutes(url: string, directory: string, heartbeats: readonly Heartbeat[]) {
  const system = await startSystem(url, join(directory, "minutes"))
  let [oldestMs, sent] = [0, 0]
  const step = async (atMs: number) => {
    const { asked, oldestAtMs } = await system.step(atMs)
    if (oldestAtMs !== null) oldestMs = Math.max(oldestMs, atMs - oldestAtMs)
    return asked
  }
  let firstMinute: Asked | null = null
  let last = await step(startMs)
  for (let number = 0; number < virtualMinutes; number++) {
    for (let second = 0; second < 60; second += stepSeconds) {
      last = await step(startMs + number * 60_000 + second * 1_000)
      if (number === 1) firstMinute ??= last
      const due = heartbeats.filter(
        (_, n) => (n % 60) - second >= 0 && (n % 60) - second < stepSeconds,
      )
      await system.pings.send(due)
      sent += due.length
    }
    console.error(`  ${number + 1} of ${virtualMinutes} minutes`)
  }
  const endMs = startMs + virtualMinutes * 60_000
  for (let afterMs = 0; afterMs <= flushIntervalMs; afterMs += stepSeconds * 1_000)
    last = await step(endMs + afterMs)
  await system.stop()
  const direct = await measureDirect(url, directory, heartbeats)
  return {
    heartbeats: sent,
    statements: last.statements,
    roundTrips: last.roundTrips,
    firstMinuteRoundTrips: firstMinute?.roundTrips ?? 0,
    directStatementsEach: direct.statements,
    directRoundTripsEach: direct.roundTrips,
    statementRatio: (sent * direct.statements) / last.statements,
    roundTripRatio: (sent * direct.roundTrips) / last.roundTrips,
    oldestUnwrittenS: oldestMs / 1_000,
  }
}

/** What the route with one UPDATE asks per heartbeat. */
async function measureDirect(
  url: string,
  directory: string,
  heartbeats: readonly Heartbeat[],
): Promise<Asked> {
  const system = await startSystem(url, join(directory, "direct"))
  const before = (await system.step(startMs)).asked
  await system.pings.send(heartbeats, { isDirect: true })
  const after = (await system.step(startMs)).asked
  await system.stop()
  return {
    statements: (after.statements - before.statements) / heartbeats.length,
    roundTrips: (after.roundTrips - before.roundTrips) / heartbeats.length,
  }
}

/**
 * Kills the Worker's process while heartbeats are in flight. Whatever it acknowledged must be in
 * the database after the next flush.
 */
async function measureCrashes(
  url: string,
  directory: string,
  heartbeats: readonly Heartbeat[],
  client: Client,
) {
  let [acknowledged, lost] = [0, 0]
  for (let crash = 0; crash < crashes; crash++) {
    const atMs = startMs + 3_600_000 + crash * 300_000
    const kept = new Set<string>()
    const victim = await startSystem(url, join(directory, "crashes"))
    await victim.step(atMs)
    const sending = victim.pings.sendOverHttp(
      heartbeats.slice(crash * 1_000, crash * 1_000 + 2_000),
      ({ path }) => kept.add(path.split("/")[4] ?? ""),
    )
    while (kept.size < 100 + crash * 150) await new Promise((resolve) => setTimeout(resolve, 1))
    await victim.worker.stop()
    await sending
    victim.pings.close()
    const heir = await startSystem(url, join(directory, "crashes"))
    await heir.step(atMs + 120_000)
    await heir.stop()
    const { rows } = await client.query<{ n: number }>(
      "select count(*)::int as n from workspaces where id = any ($1::uuid[]) and last_used_at < $2",
      [[...kept], new Date(atMs)],
    )
    acknowledged += kept.size
    lost += rows[0]?.n ?? kept.size
  }
  return { crashes, acknowledged, acknowledgedLost: lost }
}

/** The flush's statement with all rows, against one statement per row. Both write every row. */
async function measureBatch(db: BenchDatabase["db"], client: Client) {
  const { rows } = await client.query<{ id: string }>(
    "select id from workspaces order by id limit $1",
    [rowCount],
  )
  const ids = rows.map((row) => row.id)
  let atMs = startMs + 86_400_000
  const batchMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    atMs += 60_000
    const used = ids.map((id) => ({
      workspace_id: id,
      seen_at_ms: atMs,
      bump_at_ms: null,
      next_autostart_at_ms: null,
    }))
    const startedAt = performance.now()
    const [result] = await db.all(
      flushStatement({ now: new Date(atMs), used, stats: [], apps: [], permits: [] }),
    )
    batchMs.push(performance.now() - startedAt)
    if (result?.used !== rowCount) throw new Error(`${result?.used} rows were written`)
  }
  atMs += 60_000
  const startedAt = performance.now()
  for (const id of ids) {
    await db.all(
      statement(
        "bench.mark-one",
        sql`update workspaces set last_used_at = greatest(last_used_at,
          ${new Date(atMs)}::timestamptz) where id = ${id}::uuid`,
      ),
    )
  }
  const singleMs = performance.now() - startedAt
  return { batchMs: median(batchMs), singleMs, batchRatio: singleMs / median(batchMs) }
}
