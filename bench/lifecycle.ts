// A tick at which 10,000 of 1,000,000 workspaces are due: batches against one statement per
// workspace.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { sql } from "drizzle-orm"
import { insertBuilds, wantedBuild } from "../src/builds/create/insert-builds.ts"
import { connect, type Database, statement, type Statement } from "../src/platform/db/client.ts"
import { anyDue, batchSizeMax } from "../src/lifecycle/rules/due.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import type { Calibration } from "./lib/calibration.ts"
import { databaseMs } from "./lib/database-time.ts"
import type { Result } from "./lib/report.ts"
import { bulkEpoch, seedMany, seedTemplate } from "./lib/seed-workspaces.ts"

const hourMs = 3_600_000
const now = new Date(bulkEpoch.getTime() + hourMs)
const restCount = 980_000
const dueCount = 10_000
const oneByOneCount = 1_000
const atOnce = 10

export async function run(
  { url, db, client }: BenchDatabase,
  calibration: Calibration,
): Promise<Omit<Result, "bench">> {
  const population = await seedTemplate(client, now)
  const later = new Date(bulkEpoch.getTime() + 8 * hourMs)
  await seedMany(client, population, { from: 0, count: restCount }, later)
  const idleMs = await databaseMs(client, anyDue(now), 50)
  const idle = await runTick(url)

  await seedMany(client, population, { from: restCount, count: dueCount }, now)
  const few = await runTick(url)
  await seedMany(client, population, { from: restCount + dueCount, count: dueCount }, now)
  const many = await oneByOne(db, oneByOneCount)
  const heap = retainedHeap()
  const rest = await runTick(url, heap.sample)

  const setWiseRate = few.done / few.seconds
  const oneByOneRate = many.done / many.seconds
  const batches = Math.ceil(few.done / batchSizeMax)
  return {
    figures: {
      idleTickMs: idleMs,
      idleTickStatements: idle.statements,
      dueCount: few.done,
      dueSeconds: few.seconds,
      statements: few.statements,
      setWisePerSecond: setWiseRate,
      oneByOnePerSecond: oneByOneRate,
      restSeconds: rest.seconds,
      restDone: rest.done,
      heapGrowthMb: heap.growthMb(),
    },
    targets: [
      { name: "due workspaces transitioned", value: few.done, atLeast: dueCount, atMost: dueCount },
      { name: "seconds for 10,000 due", value: few.seconds, atMost: 5 * calibration.slack },
      { name: "times one statement a workspace", value: setWiseRate / oneByOneRate, atLeast: 10 },
      { name: "ms of database time with nothing due", value: idleMs, atMost: 5 },
      { name: "statements with nothing due", value: idle.statements, atMost: 3 },
      // Two per batch, and those that ask for due rows, find the end and write the ledger.
      { name: "statements for 10,000 due", value: few.statements, atMost: 2 * batches + 3 },
      {
        name: "MB of heap kept from the first batch to the last",
        value: heap.growthMb(),
        atMost: 4,
      },
    ],
  }
}

// By a path that the compiler does not follow, because the sweep's types are those of the Worker's
// runtime.
const sweepPath = "../src/lifecycle/tick/tick.ts"
const {
  lifecycleSweep,
}: { lifecycleSweep: { run: (context: object) => Promise<Record<string, number>> } } = await import(
  sweepPath
)

type Run = { done: number; seconds: number; statements: number }

/**
 * The sweep itself, with stand-ins for the objects that it wakes. `onCall` runs after each round
 * trip.
 */
async function runTick(url: string, onCall?: () => void): Promise<Run> {
  let statements = 0
  const db = connect(url, {
    timeoutMs: 600_000,
    onCall: () => {
      statements += 1
      onCall?.()
    },
  })
  const startedAt = performance.now()
  const left: Promise<unknown>[] = []
  const waitUntil = (work: Promise<unknown>) => void left.push(work)
  const counts = await lifecycleSweep.run({
    env: standInEnv,
    db,
    now,
    startedAt: now,
    source: "cron",
    made: [],
    waitUntil,
  })
  const seconds = (performance.now() - startedAt) / 1000
  await Promise.all(left)
  return { done: counts["autostop"] ?? 0, seconds, statements }
}

/** Every binding is a namespace whose objects answer each call with success. */
const standInObject: unknown = new Proxy({}, { get: () => () => Promise.resolve({ ok: true }) })
const standInBinding = {
  getByName: () => standInObject,
  idFromName: () => null,
  get: () => standInObject,
}
const standInEnv: unknown = new Proxy({}, { get: () => standInBinding })

/** The heap after garbage collection, sampled: the growth from the first batches to the last. */
function retainedHeap() {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const samples: number[] = []
  return {
    sample: () => {
      collect()
      samples.push(process.memoryUsage().heapUsed / 1_048_576)
    },
    // The first calls load code; a batch is two calls.
    growthMb: () => Math.max(0, (samples.at(-1) ?? 0) - (samples[4] ?? 0)),
  }
}

/**
 * The best simple way: one statement per workspace that checks and writes, ten at a time, through
 * the same driver.
 */
async function oneByOne(db: Database, count: number): Promise<Omit<Run, "statements">> {
  const ids = await db.all(
    statement<{ id: string }>(
      "bench.due-ids",
      sql`select id from workspaces where check_at <= ${now}::timestamptz order by check_at, id
        limit ${count}::int`,
    ),
  )
  const startedAt = performance.now()
  const queue = ids.map(({ id }) => id)
  let done = 0
  const worker = async () => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const made = await db.all(stopOne(id))
      done += made.length
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { done, seconds: (performance.now() - startedAt) / 1000 }
}

/** Stops one workspace if it is still due, with the same rows as a batch writes. */
function stopOne(id: string): Statement<{ id: string }> {
  return statement(
    "bench.stop-one",
    sql`with requests as materialized (
      select ${wantedBuild({
        workspace_id: sql`w.id`,
        organization_id: sql`w.organization_id`,
        build_id: sql`gen_random_uuid()`,
        job_id: sql`gen_random_uuid()`,
        build_number: sql`b.build_number + 1`,
        transition: sql`'stop'`,
        reason: sql`'autostop'`,
        initiator_id: sql`w.owner_id`,
        template_version_id: sql`b.template_version_id`,
        preset_id: sql`b.template_version_preset_id`,
        state: sql`b.provisioner_state`,
        file_id: sql`v.file_id`,
        provisioner: sql`t.provisioner`,
        tags: sql`vj.tags`,
        input: sql`'{}'`,
        parameters: sql`(
          select coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'value', p.value)), '[]')
          from workspace_build_parameters p where p.workspace_build_id = b.id)`,
      })}
      from workspaces w
      join workspace_builds b on b.id = w.latest_build_id
      join provisioner_jobs j on j.id = b.job_id
      join templates t on t.id = w.template_id
      join template_versions v on v.id = b.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
      where w.id = ${id}::uuid and not w.deleted and w.dormant_at is null and b.transition = 'start'
        and j.job_status = 'succeeded'
        and b.deadline <= ${now}::timestamptz
    ), ${insertBuilds(sql`requests`, now)}
    select id from builds`,
  )
}
