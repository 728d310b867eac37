// Set-up of all tests: a throw-away PostgreSQL, a migrated template database, and the Neon
// endpoint.
import { lstatSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Client } from "pg"
import type { TestProject } from "vitest/node"
import { migrate, readMigrations } from "../dev/database/migrations.ts"
import { executedStatements } from "../dev/database/check-statements.ts"
import { startNeonEndpoint } from "../dev/local/neon-endpoint.ts"
import { startPostgres } from "../dev/local/postgres.ts"
import { isAlive } from "../dev/process/table.ts"
import { rootDirectory } from "../dev/root.ts"

const templateDatabase = "dormouse_template"

/** Once for all projects that need a database; the unit tests alone do not. */
export default async function setup(
  project: TestProject,
): Promise<(() => Promise<void>) | undefined> {
  if (project.vitest.projects.every(({ name }) => name === "unit")) return undefined
  const parent = scratchDirectory()
  removeAbandoned(parent)
  const directory = join(parent, String(process.pid))
  if (parent !== onDisk) {
    // Temporary files of the tests, clusters included, are kept there too, and are removed with the
    // run.
    process.env["TMPDIR"] = join(directory, "tmp")
    mkdirSync(process.env["TMPDIR"], { recursive: true, mode: 0o711 })
  }
  const postgres = await startPostgres({
    directory,
    durable: false,
    // The endpoint keeps plans: planning the Worker's statements again each time took a third of
    // the database's time. No table exists long enough to need a vacuum.
    settings: { max_wal_size: "512MB", plan_cache_mode: "force_generic_plan", autovacuum: "off" },
  })
  const executed = new Set<string>()
  const endpoint = await startNeonEndpoint({
    server: { host: "127.0.0.1", port: postgres.port },
    keepsPlans: true,
    onQuery: (text) => {
      const [, name] = /^\/\* (\S+) \*\//.exec(text) ?? []
      if (name !== undefined) executed.add(name)
    },
  })
  await createTemplate(postgres.url)
  project.provide("adminUrl", postgres.url("postgres"))
  project.provide("endpointUrl", endpoint.url)
  project.provide("simulation", {
    seed: numberOf("DORMOUSE_SIMULATION_SEED"),
    steps: numberOf("DORMOUSE_SIMULATION_STEPS"),
  })
  return async () => {
    await endpoint.stop()
    await postgres.stop()
    mkdirSync(dirname(executedStatements), { recursive: true })
    writeFileSync(executedStatements, JSON.stringify([...executed].sort()))
    rmSync(directory, { recursive: true, force: true })
  }
}

const onDisk = join(rootDirectory, ".data", "test")

/** More than twice what a run takes: its clusters, and a database for each test file. */
const memoryBytesMin = 3 * 1024 ** 3

/**
 * In memory, if /dev/shm exists and has room. A database per test file is a thousand small files,
 * and copying them on a disk took a tenth of the whole run.
 */
function scratchDirectory(): string {
  const uid = process.getuid?.() ?? 0
  const inMemory = join("/dev/shm", `dormouse-test-${uid}`)
  try {
    const { bavail, bsize } = statfsSync(dirname(inMemory))
    mkdirSync(inMemory, { recursive: true, mode: 0o711 })
    // Anyone may write to that directory, so a directory of another user is not used.
    if (bavail * bsize >= memoryBytesMin && lstatSync(inMemory).uid === uid) return inMemory
  } catch {
    // There is no such directory.
  }
  return onDisk
}

function numberOf(variable: string): number | null {
  const text = process.env[variable] ?? ""
  return /^\d{1,9}$/.test(text) ? Number(text) : null
}

async function createTemplate(url: (database: string) => string): Promise<void> {
  const admin = new Client({ connectionString: url("postgres") })
  await admin.connect()
  await admin.query(`create database ${templateDatabase}`)
  await migrate(
    url(templateDatabase),
    readMigrations(join(rootDirectory, "migrations")),
    new Date(0),
  )
  await admin.query(`alter database ${templateDatabase} is_template true allow_connections false`)
  await admin.end()
}

// Each run has a directory named after its process, so that two runs do not collide. A killed run
// leaves one behind.
function removeAbandoned(parent: string): void {
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    if (!isAlive(Number.parseInt(name, 10)))
      rmSync(join(parent, name), { recursive: true, force: true })
  }
}
