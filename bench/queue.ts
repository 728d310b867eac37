// Throughput of the queue with 16 daemons, and the queue under faults.
//
// It is measured at the database alone beside pg-boss on the same server, and through the HTTP API
// of a whole local system. A job is acquired and completed, without work between.
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { PgDialect } from "drizzle-orm/pg-core"
import { Client, Pool, type PoolClient } from "pg"
import { PgBoss } from "pg-boss"
import { freePort } from "../dev/process/free-port.ts"
import { readSecrets } from "../dev/local/secrets.ts"
import { startLocalSystem } from "../dev/local/system.ts"
import { rootDirectory } from "../dev/root.ts"
import type { Statement } from "../src/platform/db/client.ts"
import { encodeValue } from "../src/platform/db/values.ts"
import { acquireJob, type AcquiredRow } from "../src/queue/jobs/acquire-statement.ts"
import { completeDryRunJob } from "../src/queue/complete/import-statement.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import { median } from "./lib/median.ts"
import {
  type ChaosCell,
  chaosCellNames,
  type ChaosOutcome,
  prepareChaos,
} from "./lib/queue-chaos.ts"
import type { Result } from "./lib/report.ts"
import {
  bulkEpoch,
  type QueuePopulation,
  seedBuildJobs,
  seedDaemons,
  seedDryRuns,
} from "./lib/seed-queue.ts"

const daemonCount = 16
const databaseJobCount = 4_000
const apiJobCount = 300
/** Ours and theirs in turns, so that a busy machine slows both. */
const rounds = 3
const chaosSize = { workspaceCount: 32, daemonCount: 4, workMs: 500 }

export async function run({ url, client }: BenchDatabase): Promise<Omit<Result, "bench">> {
  const population = await seedDaemons(client, daemonCount)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    ours.push(await ourJobsPerSecond(url, client, population))
    theirs.push(await bossJobsPerSecond(url, `round-${round}`))
  }
  const apiBuildsPerSecond = await buildsPerSecondOverHttp()
  const chaos = await chaosOutcomes()
  const figures = {
    databaseJobsPerSecond: median(ours),
    pgBossJobsPerSecond: median(theirs),
    ratio: median(ours) / median(theirs),
    apiBuildsPerSecond,
    chaosBuilds: sum(chaos, ({ builds }) => builds),
    chaosReaped: sum(chaos, ({ reaped }) => reaped),
  }
  return {
    figures,
    targets: [
      { name: "jobs a second at the database, against pg-boss", value: figures.ratio, atLeast: 1 },
      {
        name: "builds a second through the HTTP API, all of them ended",
        value: apiBuildsPerSecond,
        atLeast: 1,
      },
      ...chaos.map(({ cell, lost, twice, reaped, rebuilt }) => ({
        name: `${cell}: builds lost, ended twice, or never built again`,
        value: lost + twice + reaped - rebuilt,
        atMost: 0,
      })),
      // Otherwise no daemon was killed at work.
      {
        name: "builds that the reaper had to end",
        value: sum(chaos, ({ reaped }) => reaped),
        atLeast: 2,
      },
    ],
  }
}

type CellOutcome = ChaosOutcome & { cell: ChaosCell }

const sum = (outcomes: readonly CellOutcome[], of: (outcome: CellOutcome) => number) =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)

/** Each kind of fault in turn, over one system with real daemons. */
async function chaosOutcomes(): Promise<CellOutcome[]> {
  const runner = await prepareChaos(
    join(rootDirectory, ".data", "bench", `queue-chaos-${process.pid}`),
    chaosSize,
  )
  try {
    const outcomes: CellOutcome[] = []
    for (const cell of chaosCellNames) outcomes.push({ cell, ...(await runner.run(cell)) })
    return outcomes
  } finally {
    await runner.stop()
  }
}

const dialect = new PgDialect()

/**
 * Placeholders for values in a statement that is compiled once: what is measured is the database.
 */
const anyDaemon = randomUUID()
const anyJob = randomUUID()

function compile<Row>({ sql }: Statement<Row>) {
  const { sql: text, params } = dialect.sqlToQuery(sql)
  const values = params.map(encodeValue)
  return async (
    connection: PoolClient,
    daemonId: string,
    jobId: string = anyJob,
  ): Promise<Row[]> => {
    const actual = new Map<unknown, unknown>([
      [anyDaemon, daemonId],
      [anyJob, jobId],
    ])
    const { rows } = await connection.query(
      text,
      values.map((value) => actual.get(value) ?? value),
    )
    return rows as Row[]
  }
}

/** Each daemon on a connection of its own, with the statements of production. */
async function ourJobsPerSecond(
  url: string,
  client: Client,
  population: QueuePopulation,
): Promise<number> {
  await seedDryRuns(client, population, databaseJobCount)
  const pool = new Pool({ connectionString: url, max: daemonCount })
  const acquire = compile<AcquiredRow>(acquireJob(anyDaemon, bulkEpoch))
  const complete = compile(
    completeDryRunJob({
      daemonId: anyDaemon,
      jobId: anyJob,
      rows: noRows,
      timings: [],
      now: bulkEpoch,
    }),
  )
  const ended = await perSecond(databaseJobCount, population.daemonIds, async (daemonId) => {
    const connection = await pool.connect()
    await connection.query("select set_config('dormouse.actor', $1, false)", [
      JSON.stringify(population.actor),
    ])
    let count = 0
    for (;;) {
      const [row] = await acquire(connection, daemonId)
      const jobId = row?.job?.job_id
      if (jobId === undefined) break
      await complete(connection, daemonId, jobId)
      count += 1
    }
    connection.release()
    return count
  })
  await pool.end()
  return ended
}

const noRows = { resources: [], metadata: [], agents: [], apps: [], scripts: [], agentMetadata: [] }

async function bossJobsPerSecond(url: string, queue: string): Promise<number> {
  const boss = new PgBoss({
    connectionString: url,
    max: daemonCount,
    supervise: false,
    schedule: false,
  })
  boss.on("error", (error) => console.error(error))
  await boss.start()
  await boss.createQueue(queue)
  const jobs = Array.from({ length: databaseJobCount }, () => ({
    data: { template_version_id: randomUUID() },
  }))
  await boss.insert(queue, jobs)
  const workers = Array.from({ length: daemonCount }, () => queue)
  const ended = await perSecond(databaseJobCount, workers, async () => {
    let count = 0
    for (;;) {
      const [job] = await boss.fetch(queue)
      if (job === undefined) break
      await boss.complete(queue, job.id)
      count += 1
    }
    return count
  })
  await boss.stop({ graceful: false })
  return ended
}

/** Runs the workers until the queue is empty. Fails if a job was lost or ended twice. */
async function perSecond<W>(
  expected: number,
  workers: readonly W[],
  work: (worker: W) => Promise<number>,
): Promise<number> {
  const startedAt = performance.now()
  const counts = await Promise.all(workers.map(work))
  const seconds = (performance.now() - startedAt) / 1000
  const ended = counts.reduce((sum, count) => sum + count, 0)
  if (ended !== expected) throw new Error(`${ended} jobs ended of ${expected}`)
  return ended / seconds
}

/**
 * Real builds over loopback to the Worker under workerd: acquired, updated with a log line,
 * completed with an agent.
 */
async function buildsPerSecondOverHttp(): Promise<number> {
  const directory = join(rootDirectory, ".data", "bench", `queue-api-${process.pid}`)
  const system = await startLocalSystem({
    directory,
    port: await freePort(),
    secrets: readSecrets(directory),
    durable: false,
    onProgress: () => undefined,
  })
  const client = new Client({ connectionString: system.databaseUrl })
  try {
    await client.connect()
    const population = await seedDaemons(client, daemonCount)
    await seedBuildJobs(client, population, apiJobCount)
    return await perSecond(apiJobCount, population.daemonIds, (daemonId) =>
      buildOverHttp(`${system.url}/api/v2/provisionerdaemons/${daemonId}`, population.key),
    )
  } finally {
    await client.end()
    await system.stop()
  }
}

async function buildOverHttp(base: string, key: string): Promise<number> {
  const call = async (path: string, body?: object) => {
    const response = await fetch(`${base}/${path}`, {
      method: "POST",
      headers: { "Coder-Provisioner-Daemon-Key": key, "Content-Type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response
  }
  for (let count = 0; ; count++) {
    const taken = await call("acquire")
    if (taken.status === 204) return count
    const job: { job_id: string } = JSON.parse(await taken.text())
    const line = { created_at: bulkEpoch.toISOString(), output: "made" }
    await call(`jobs/${job.job_id}/update`, { logs: [line] })
    await call(`jobs/${job.job_id}/complete`, {
      type: "workspace_build",
      resources: [{ type: "compute", name: "vm", agents: [{ name: "main" }] }],
    })
  }
}
