// Brings a database up to migrations/: numbered files once, code files when they changed.
//
// All of it is one transaction behind an advisory lock, so a run that fails leaves nothing, and
// concurrent runs apply each file once. A numbered file that changed after it was applied is an
// error, for then nobody knows what that database looks like.
//
// Code objects are dropped and created again from the first changed file on, or all of them if a
// numbered file is pending. `alter table` rejects a column that a view or a trigger uses. A view
// with `w.*` keeps the columns that the table had when the view was created.
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Client } from "pg"
import { openClient } from "./open-client.ts"

export type SqlFile = { name: string; sql: string; checksum: string }

/** `limits` takes from the Worker's role what its default privileges grant too much. */
export type Migrations = { numbered: SqlFile[]; code: SqlFile[]; limits?: SqlFile }

const lockId = 4_021_977
// A migration that waits for a lock blocks every statement behind it.
const lockWait = "10s"

export function readMigrations(directory: string): Migrations {
  const numbered = readdirSync(directory)
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .sort()
  const order = readFileSync(join(directory, "code", "order.txt"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((path) => `code/${path}.sql`)
  const present = readdirSync(join(directory, "code"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".sql"))
    .map((path) => `code/${path.replaceAll("\\", "/")}`)
  const unlisted = present.filter((path) => !order.includes(path))
  if (unlisted.length > 0)
    throw new Error(`migrations/code/order.txt does not list ${unlisted.join(", ")}.`)
  const read = (path: string): SqlFile => {
    const sql = readFileSync(join(directory, path), "utf8")
    return { name: path.replace(/\.sql$/, ""), sql, checksum: checksumOf(sql) }
  }
  return {
    numbered: numbered.map(read),
    code: order.map(read),
    limits: read("worker-limits.sql"),
  }
}

export function checksumOf(sql: string): string {
  return createHash("sha256").update(sql).digest("hex")
}

/** Returns the names of the files that it applied. `now` dates them. */
export async function migrate(
  databaseUrl: string,
  migrations: Migrations,
  now: Date,
): Promise<string[]> {
  const client = await openClient(databaseUrl)
  try {
    await client.query("begin")
    await client.query("select pg_advisory_xact_lock($1)", [lockId])
    await client.query(`set local lock_timeout = '${lockWait}'`)
    const applied = await applyAll(client, migrations, now)
    await client.query("commit")
    return applied
  } finally {
    // Ends the transaction as well.
    await client.end()
  }
}

/** Returns the files that a database has yet to apply or to drop. Changes nothing. */
export async function pendingMigrations(
  databaseUrl: string,
  migrations: Migrations,
): Promise<string[]> {
  const client = await openClient(databaseUrl)
  try {
    return namesOf(compare(migrations, await readLedger(client)))
  } finally {
    await client.end()
  }
}

async function applyAll(client: Client, migrations: Migrations, now: Date): Promise<string[]> {
  const work = compare(migrations, await readLedger(client))
  const names = namesOf(work)
  if (names.length === 0) return names
  await client.query(`
    create table if not exists schema_migrations (
      tag text primary key, checksum text not null, applied_at timestamptz(3) not null);
    create table if not exists schema_code (
      name text primary key, position integer not null unique, checksum text not null,
      objects text[] not null, applied_at timestamptz(3) not null)`)
  for (const { name, objects } of work.drop) {
    await run(client, name, objects.map((object) => `drop ${object}`).join(";"))
  }
  await client.query("delete from schema_code where name = any($1)", [
    work.drop.map(({ name }) => name),
  ])
  for (const { name, sql, checksum } of work.numbered) {
    await run(client, name, sql)
    await client.query("insert into schema_migrations values ($1, $2, $3)", [name, checksum, now])
  }
  let present = await listCodeObjects(client)
  for (const { name, sql, checksum } of work.create) {
    await run(client, name, sql)
    const after = await listCodeObjects(client)
    const made = after.filter((object) => !present.includes(object)).reverse()
    if (made.length === 0)
      throw new Error(`Migration ${name} defines nothing that did not exist before it.`)
    const row = [name, migrations.code.findIndex((file) => file.name === name), checksum, made, now]
    await client.query("insert into schema_code values ($1, $2, $3, $4, $5)", row)
    present = after
  }
  const { limits } = migrations
  if (limits !== undefined) await run(client, limits.name, limits.sql)
  return names
}

/** What a database has applied: code files in order, their objects in the order of dropping. */
type Ledger = {
  numbered: { tag: string; checksum: string }[]
  code: { name: string; checksum: string; objects: string[] }[]
}

async function readLedger(client: Client): Promise<Ledger> {
  const isThere = async (table: string) =>
    (await client.query("select to_regclass($1) as oid", [table])).rows[0].oid !== null
  return {
    numbered: (await isThere("schema_migrations"))
      ? (await client.query("select tag, checksum from schema_migrations order by tag")).rows
      : [],
    code: (await isThere("schema_code"))
      ? (await client.query("select name, checksum, objects from schema_code order by position"))
          .rows
      : [],
  }
}

type Work = {
  numbered: SqlFile[]
  /** Code files that are new or changed, and names of those that no longer exist. */
  changed: string[]
  drop: Ledger["code"]
  create: SqlFile[]
}

function compare({ numbered, code }: Migrations, ledger: Ledger): Work {
  const known = new Map(numbered.map((file) => [file.name, file.checksum]))
  for (const { tag, checksum } of ledger.numbered) {
    if (!known.has(tag)) {
      throw new Error(
        `The database has applied migration ${tag}, which this version does not have.`,
      )
    }
    if (known.get(tag) !== checksum) {
      throw new Error(`Migration ${tag} was changed after this database had applied it.`)
    }
  }
  const applied = new Set(ledger.numbered.map(({ tag }) => tag))
  const pending = numbered.filter(({ name }) => !applied.has(name))
  const first = code.findIndex(
    ({ name, checksum }, at) =>
      ledger.code[at]?.name !== name || ledger.code[at].checksum !== checksum,
  )
  const unchanged = pending.length > 0 ? 0 : first === -1 ? code.length : first
  const before = new Map(ledger.code.map(({ name, checksum }) => [name, checksum]))
  const names = new Set(code.map(({ name }) => name))
  return {
    numbered: pending,
    changed: [
      ...code.filter(({ name, checksum }) => before.get(name) !== checksum).map(({ name }) => name),
      ...ledger.code.filter(({ name }) => !names.has(name)).map(({ name }) => `${name} (removed)`),
    ],
    drop: ledger.code.slice(unchanged).reverse(),
    create: code.slice(unchanged),
  }
}

function namesOf({ numbered, changed }: Work): string[] {
  return [...numbered.map(({ name }) => name), ...changed]
}

async function run(client: Client, name: string, sql: string): Promise<void> {
  try {
    await client.query(sql)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`Migration ${name} failed and everything was rolled back: ${reason}`, {
      cause: error,
    })
  }
}

/** Functions, views and triggers that no extension brought, as `drop` names them. */
async function listCodeObjects(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ object: string }>(`
    select 'function ' || p.oid::regprocedure as object from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    union all
    select 'view ' || c.oid::regclass from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'v'
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    union all
    select 'trigger ' || quote_ident(t.tgname) || ' on ' || t.tgrelid::regclass from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    where c.relnamespace = 'public'::regnamespace and not t.tgisinternal`)
  return rows.map(({ object }) => object)
}
