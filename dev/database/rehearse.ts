// Rehearsal of a deployment on a throw-away database.
//
// An owner who is not a superuser applies all migrations after the Worker's role was created. The
// rehearsal fails if the Worker could not work there, or could do more than it needs.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { migrate, pendingMigrations, type Migrations } from "./migrations.ts"
import { startPostgres } from "../local/postgres.ts"
import { rootDirectory } from "../root.ts"

const owner = { name: "dormouse_owner", password: "rehearsal" }

/** Throws if the rehearsal fails. Returns the tables that the Worker's role may use. */
export async function rehearseDatabase(migrations: Migrations, now: Date): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "dormouse-rehearsal-"))
  const postgres = await startPostgres({ directory, durable: false })
  try {
    await run(
      postgres.url("postgres"),
      `create role ${owner.name} login createrole password '${owner.password}'`,
      `create database dormouse owner ${owner.name}`,
    )
    const url = new URL(postgres.url("dormouse"))
    url.username = owner.name
    url.password = owner.password
    await run(url.href, readFileSync(join(rootDirectory, "docs", "worker-role.sql"), "utf8"))
    await migrate(url.href, migrations, now)
    const left = await pendingMigrations(url.href, migrations)
    if (left.length > 0) throw new Error(`The rehearsal left ${left.join(", ")} unapplied.`)
    return await checkWorkerRole(url.href)
  } finally {
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What the Worker may do with a table, unless `exceptions` names it. */
const everything = ["select", "insert", "update", "delete"]
const exceptions: Record<string, string[]> = {
  audit_logs: ["select", "insert", "delete"],
  schema_migrations: [],
  schema_code: [],
}

async function checkWorkerRole(url: string): Promise<string[]> {
  const rows = await run<{ name: string; granted: string[] }>(
    url,
    `select c.relname as name, array(
       select p from unnest(array['${everything.join("','")}']) p
       where has_table_privilege('dormouse_worker', c.oid, p)) as granted
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
     order by 1`,
  )
  for (const { name, granted } of rows) {
    const expected = exceptions[name] ?? everything
    const barred = expected.filter((privilege) => !granted.includes(privilege))
    if (barred.length > 0) throw new Error(`The Worker's role may not use ${name}.`)
    const extra = granted.filter((privilege) => !expected.includes(privilege))
    if (extra.length > 0) throw new Error(`The Worker's role may ${extra.join(", ")} ${name}.`)
  }
  const [wider] = await run<{ schema: boolean; temporary: boolean }>(
    url,
    `select has_schema_privilege('dormouse_worker', 'public', 'create') as schema,
       has_database_privilege('dormouse_worker', current_database(), 'temporary') as temporary`,
  )
  if (wider === undefined || wider.schema)
    throw new Error("The Worker's role may change the schema.")
  if (wider.temporary) throw new Error("The Worker's role may create temporary tables.")
  return rows.filter(({ granted }) => granted.length > 0).map(({ name }) => name)
}

/** Runs statements one after another and returns the rows of the last. */
async function run<Row extends object>(url: string, ...statements: string[]): Promise<Row[]> {
  const client = new Client({ connectionString: url })
  client.on("error", () => {})
  await client.connect()
  try {
    let rows: Row[] = []
    for (const text of statements) ({ rows } = await client.query<Row>(text))
    return rows
  } finally {
    await client.end()
  }
}
