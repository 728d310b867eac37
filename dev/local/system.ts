// The whole system on one machine: a database, its migrations, the Neon endpoint, and the Worker.
import { createHash } from "node:crypto"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import type { DatabaseUrl } from "../database/database-url.ts"
import type { LocalSecrets } from "./secrets.ts"
import { startLocalWorker, type LocalWorker } from "./worker-process.ts"
import { migrate, pendingMigrations, readMigrations } from "../database/migrations.ts"
import { startNeonEndpoint } from "./neon-endpoint.ts"
import { requireFree } from "../process/free-port.ts"
import { startPostgres } from "./postgres.ts"
import { rootDirectory } from "../root.ts"

export type LocalSystem = {
  url: string
  databaseUrl: string
  worker: LocalWorker
  /** Stops everything, last started first. */
  stop: () => Promise<void>
}

export type LocalSystemOptions = {
  /** Holds its data. */
  directory: string
  port: number
  secrets: LocalSecrets
  /** The database to use instead of an embedded one, and whether it may be migrated. */
  external?: { database: DatabaseUrl; mayMigrate: boolean }
  postgresPort?: number
  endpointPort?: number
  /** False for a system that is thrown away. */
  durable?: boolean
  onProgress: (line: string) => void
}

const databaseName = "dormouse"

type Database = { url: string; endpoint: string | null; mayMigrate: boolean }

/**
 * Where a system keeps what belongs to one database, such as its objects' storage. Each database
 * has its own.
 */
export function stateDirectory(
  directory: string,
  external: LocalSystemOptions["external"],
): string {
  if (external === undefined) return join(directory, "worker-local")
  const { host, port, url } = external.database
  const name = createHash("sha256").update(`${host}:${port}${new URL(url).pathname}`)
  return join(directory, `worker-${name.digest("hex").slice(0, 12)}`)
}

export async function startLocalSystem(options: LocalSystemOptions): Promise<LocalSystem> {
  const stops: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).toReversed()) await one()
  }
  try {
    const database = await openDatabase(options, stops)
    await prepareSchema(database, options.onProgress)
    const worker = await openWorker(options, database)
    stops.push(worker.stop)
    options.onProgress(`the Worker answers on ${worker.url}`)
    return { url: worker.url, databaseUrl: database.url, worker, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function openDatabase(
  options: LocalSystemOptions,
  stops: (() => Promise<void>)[],
): Promise<Database> {
  const { external, onProgress } = options
  if (external === undefined) {
    onProgress("starting PostgreSQL 18")
    if (options.postgresPort !== undefined) await requireFree(options.postgresPort)
    const postgres = await startPostgres({
      directory: join(options.directory, "postgres"),
      ...(options.postgresPort === undefined ? {} : { port: options.postgresPort }),
      ...(options.durable === undefined ? {} : { durable: options.durable }),
    })
    stops.push(postgres.stop)
    onProgress(`PostgreSQL answers on 127.0.0.1:${postgres.port}`)
    const endpoint = await openEndpoint(options, "127.0.0.1", postgres.port, stops)
    await createDatabase(postgres.url)
    return { url: postgres.url(databaseName), endpoint, mayMigrate: true }
  }
  const { database, mayMigrate } = external
  const endpoint =
    database.kind === "neon"
      ? null
      : await openEndpoint(options, database.host, database.port, stops)
  onProgress(
    `using the database of DATABASE_URL${endpoint === null ? ", over Neon's own endpoint" : ""}`,
  )
  return { url: database.url, endpoint, mayMigrate }
}

async function createDatabase(url: (database: string) => string): Promise<void> {
  const admin = new Client({ connectionString: url("postgres") })
  await admin.connect()
  const { rowCount } = await admin.query("select 1 from pg_database where datname = $1", [
    databaseName,
  ])
  if (rowCount === 0) await admin.query(`create database ${databaseName}`)
  await admin.end()
}

async function openEndpoint(
  options: LocalSystemOptions,
  host: string,
  port: number,
  stops: (() => Promise<void>)[],
): Promise<string> {
  if (options.endpointPort !== undefined) await requireFree(options.endpointPort)
  const endpoint = await startNeonEndpoint({
    server: { host, port },
    ...(options.endpointPort === undefined ? {} : { port: options.endpointPort }),
  })
  stops.push(endpoint.stop)
  options.onProgress(`the Neon endpoint answers on 127.0.0.1:${endpoint.port}`)
  return endpoint.url
}

async function prepareSchema(
  database: Database,
  onProgress: (line: string) => void,
): Promise<void> {
  const migrations = readMigrations(join(rootDirectory, "migrations"))
  if (database.mayMigrate) {
    const added = await migrate(database.url, migrations, new Date())
    onProgress(
      added.length === 0
        ? "the schema is up to date"
        : `${added.length} files of migrations/ applied`,
    )
    return
  }
  const pending = await pendingMigrations(database.url, migrations)
  if (pending.length > 0) {
    throw new Error(
      `The database lacks ${pending.length} files of migrations/. ` +
        "Apply them with `npm start -- --migrate` or `npm run migrate`.",
    )
  }
}

async function openWorker(options: LocalSystemOptions, database: Database): Promise<LocalWorker> {
  options.onProgress("starting the Worker")
  await requireFree(options.port)
  const directory = stateDirectory(options.directory, options.external)
  mkdirSync(directory, { recursive: true })
  const log = createWriteStream(join(options.directory, "worker.log"), { flags: "a" })
  const { secrets } = options
  const worker = await startLocalWorker({
    port: options.port,
    directory,
    bindings: {
      DATABASE_URL: database.url,
      ...(database.endpoint === null ? {} : { NEON_ENDPOINT: database.endpoint }),
      ACCESS_URL: `http://127.0.0.1:${options.port}`,
      SETUP_TOKEN: secrets.setupToken,
      METRICS_TOKEN: secrets.metricsToken,
      TOKEN_KEYS: `local:${secrets.tokenKey}`,
    },
    onLog: (line) => log.write(`${line}\n`),
  })
  return {
    ...worker,
    stop: async () => {
      await worker.stop()
      log.end()
    },
  }
}
