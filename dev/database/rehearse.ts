// Applies every migration to a database that is thrown away, as a deployment would: by an owner who is no superuser, after the Worker's role
// was made. Says no where the Worker could not work there, or could change the schema.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { migrate, pendingMigrations, type Migrations } from "./migrations.ts"
import { startPostgres } from "../local/postgres.ts"
import { rootDirectory } from "../root.ts"

const owner = { name: "dormouse_owner", password: "rehearsal" }

/** Throws where the rehearsal fails. Returns the tables that the Worker's role may use. */
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

async function checkWorkerRole(url: string): Promise<string[]> {
  const rows = await run<{ name: string; may_use: boolean }>(
    url,
    `select c.relname as name,
       has_table_privilege('dormouse_worker', c.oid, 'select')
         and has_table_privilege('dormouse_worker', c.oid, 'insert')
         and has_table_privilege('dormouse_worker', c.oid, 'update')
           and has_table_privilege('dormouse_worker', c.oid, 'delete') as may_use
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
       order by 1`,
  )
  const barred = rows.filter(({ may_use }) => !may_use).map(({ name }) => name)
  if (barred.length > 0) throw new Error(`The Worker's role may not use ${barred.join(", ")}.`)
  const [schema] = await run<{ may_change: boolean }>(
    url,
    "select has_schema_privilege('dormouse_worker', 'public', 'create') as may_change",
  )
  if (schema === undefined || schema.may_change)
    throw new Error("The Worker's role may change the schema.")
  return rows.map(({ name }) => name)
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
