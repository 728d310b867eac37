// A database of a bench's own: a throw-away PostgreSQL with the schema, reached through the driver.
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { neonConfig } from "@neondatabase/serverless"
import { Client } from "pg"
import { connect, type Database } from "../../src/platform/db/client.ts"
import { migrate, readMigrations } from "../../dev/database/migrations.ts"
import { startNeonEndpoint } from "../../dev/local/neon-endpoint.ts"
import { startPostgres } from "../../dev/local/postgres.ts"
import { rootDirectory } from "../../dev/root.ts"

export type BenchDatabase = {
  url: string
  /** The production driver over the local endpoint; what is measured goes through it. */
  db: Database
  /** A plain connection for seeding and for `explain`, which measure nothing. */
  client: Client
  stop: () => Promise<void>
}

const statementMsMax = 600_000

/** Where a bench of this process keeps its data. */
export const benchDirectory = (name: string) =>
  join(rootDirectory, ".data", "bench", `${name}-${process.pid}`)

/** `name` is the bench's. The data is removed when the database stops. */
export async function openBenchDatabase(name: string, durable = false): Promise<BenchDatabase> {
  const directory = benchDirectory(name)
  mkdirSync(directory, { recursive: true })
  const postgres = await startPostgres({ directory, durable })
  const endpoint = await startNeonEndpoint({ server: { host: "127.0.0.1", port: postgres.port } })
  neonConfig.fetchEndpoint = endpoint.url
  const admin = new Client({ connectionString: postgres.url("postgres") })
  await admin.connect()
  await admin.query("create database bench")
  await admin.end()
  const url = postgres.url("bench")
  await migrate(url, readMigrations(join(rootDirectory, "migrations")), new Date(0))
  const client = new Client({ connectionString: url })
  await client.connect()
  return {
    url,
    db: connect(url, { timeoutMs: statementMsMax }),
    client,
    stop: async () => {
      await client.end()
      await endpoint.stop()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
