// A tick at which 10,000 of 1,000,000 workspaces are due: the set-wise batches against one compare-and-set statement a workspace.
import { sql } from "drizzle-orm"
import { insertBuilds } from "../src/builds/insert-builds.ts"
import { type Database, statement, type Statement } from "../src/db/client.ts"
import { anyDue, batchSizeMax } from "../src/lifecycle/due.ts"
import { prepareBatch } from "../src/lifecycle/prepare-statement.ts"
import { type BatchResult, runBatch } from "../src/lifecycle/transition-statement.ts"
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
  { db, client }: BenchDatabase,
  calibration: Calibration,
): Promise<Omit<Result, "bench">> {
  const population = await seedTemplate(client, now)
  const later = new Date(bulkEpoch.getTime() + 8 * hourMs)
  await seedMany(client, population, { from: 0, count: restCount }, later)
  const idleMs = await databaseMs(client, anyDue(now), 50)

  await seedMany(client, population, { from: restCount, count: dueCount }, now)
  const few = await runTick(db)
  const memoryBefore = process.memoryUsage.rss()
  await seedMany(client, population, { from: restCount + dueCount, count: dueCount }, now)
  const many = await oneByOne(db, oneByOneCount)
  const rest = await runTick(db)
  const memoryMb = (process.memoryUsage.rss() - memoryBefore) / 1_048_576

  const setWiseRate = few.done / few.seconds
  const oneByOneRate = many.done / many.seconds
  return {
    figures: {
      idleTickMs: idleMs,
      idleTickStatements: 3,
      dueCount: few.done,
      dueSeconds: few.seconds,
      statements: few.statements,
      setWisePerSecond: setWiseRate,
      oneByOnePerSecond: oneByOneRate,
      restSeconds: rest.seconds,
      restDone: rest.done,
      memoryGrowthMb: memoryMb,
    },
    targets: [
      { name: "due workspaces transitioned", value: few.done, atLeast: dueCount, atMost: dueCount },
      { name: "seconds for 10,000 due", value: few.seconds, atMost: 5 * calibration.slack },
      { name: "times one statement a workspace", value: setWiseRate / oneByOneRate, atLeast: 10 },
      { name: "ms of database time with nothing due", value: idleMs, atMost: 5 },
      { name: "statements a batch", value: few.statements / few.batches, atMost: 3 },
    ],
  }
}

type Run = { done: number; seconds: number; statements: number; batches: number }

/** The tick's own rounds over its own statements. */
async function runTick(db: Database): Promise<Run> {
  const startedAt = performance.now()
  let [done, statements, batches] = [0, 0, 0]
  for (;;) {
    const [preparation] = await db.all(prepareBatch(now, batchSizeMax))
    statements += 1
    if (preparation === undefined || preparation.due_count === 0) break
    const [batch] = await db.all(
      runBatch({
        now,
        size: batchSizeMax,
        asked: preparation.next_starts,
        carries: [],
        unflushed: { shards: [], shardCount: 1 },
      }),
    )
    statements += 1
    batches += 1
    done += countOf(batch)
  }
  return { done, seconds: (performance.now() - startedAt) / 1000, statements, batches }
}

const countOf = (batch: BatchResult | undefined) =>
  Object.values(batch?.done ?? {}).reduce((sum, n) => sum + n, 0)

/** The best simple way: one statement a workspace that checks and writes, ten of them at a time, through the same driver. */
async function oneByOne(db: Database, count: number): Promise<Omit<Run, "statements" | "batches">> {
  const ids = await db.all(
    statement<{ id: string }>(
      "bench.due-ids",
      sql`select id from workspaces where check_at <= ${now}::timestamptz order by check_at, id limit ${count}::int`,
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

/** Stops one workspace if it is still due: the same rows as a batch writes for it. */
function stopOne(id: string): Statement<{ id: string }> {
  return statement(
    "bench.stop-one",
    sql`with requests as materialized (
      select w.id as workspace_id, w.organization_id, gen_random_uuid() as build_id, gen_random_uuid() as job_id,
        b.build_number + 1 as build_number, 'stop' as transition, 'autostop' as reason, w.owner_id as initiator_id,
        b.template_version_id, b.template_version_preset_id as preset_id, b.provisioner_state as state, v.file_id, t.provisioner, vj.tags,
        '{}'::jsonb as input, null::jsonb as on_success,
        (select coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'value', p.value)), '[]')
          from workspace_build_parameters p where p.workspace_build_id = b.id) as parameters
      from workspaces w
      join workspace_builds b on b.id = w.latest_build_id
      join provisioner_jobs j on j.id = b.job_id
      join templates t on t.id = w.template_id
      join template_versions v on v.id = b.template_version_id
      join provisioner_jobs vj on vj.id = v.job_id
      where w.id = ${id}::uuid and not w.deleted and w.dormant_at is null and b.transition = 'start' and j.job_status = 'succeeded'
        and b.deadline <= ${now}::timestamptz
    ), ${insertBuilds(sql`requests`, now)}
    select id from builds`,
  )
}
