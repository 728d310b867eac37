// Applies migrations/ to a database in the order of their journal, each in a transaction of its own, and remembers which it has applied.
//
// Safe to run twice and beside itself: an advisory lock lets one runner at a time in, and what is in `schema_migrations` is not applied
// again. A file that changed after it was applied is an error, for then nobody knows what that database looks like.
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Client, DatabaseError } from "pg"

export type Migration = { tag: string; sql: string; checksum: string }

const lockId = 4_021_977
const connectMsMax = 15_000

export function readMigrations(directory: string): Migration[] {
  const journal: { entries: { tag: string }[] } = JSON.parse(
    readFileSync(join(directory, "meta", "_journal.json"), "utf8"),
  )
  return journal.entries.map(({ tag }) => {
    const sql = readFileSync(join(directory, `${tag}.sql`), "utf8")
    return { tag, sql, checksum: createHash("sha256").update(sql).digest("hex") }
  })
}

/** Returns the tags that it applied. `now` is what they are dated with. */
export async function migrate(
  databaseUrl: string,
  migrations: Migration[],
  now: Date,
  onApply: (tag: string) => void = () => {},
): Promise<string[]> {
  const client = await open(databaseUrl)
  try {
    await client.query("select pg_advisory_lock($1)", [lockId])
    await client.query(
      "create table if not exists schema_migrations" +
        " (tag text primary key, checksum text not null, applied_at timestamptz(3) not null)",
    )
    const { rows } = await client.query<{ tag: string; checksum: string }>(
      "select tag, checksum from schema_migrations",
    )
    const applied = new Map(rows.map((row) => [row.tag, row.checksum]))
    const added = []
    for (const migration of migrations) {
      const checksum = applied.get(migration.tag)
      if (checksum === migration.checksum) continue
      if (checksum !== undefined) {
        throw new Error(
          `Migration ${migration.tag} was changed after this database had applied it.`,
        )
      }
      await applyOne(client, migration, now)
      added.push(migration.tag)
      onApply(migration.tag)
    }
    return added
  } finally {
    await client.end()
  }
}

/** The migrations that a database has not applied yet. Changes nothing. */
export async function pendingMigrations(
  databaseUrl: string,
  migrations: Migration[],
): Promise<string[]> {
  const client = await open(databaseUrl)
  try {
    const { rows: found } = await client.query(
      "select to_regclass('schema_migrations') is not null as is_there",
    )
    if (found[0]?.is_there !== true) return migrations.map(({ tag }) => tag)
    const { rows } = await client.query<{ tag: string }>("select tag from schema_migrations")
    const applied = new Set(rows.map(({ tag }) => tag))
    return migrations.map(({ tag }) => tag).filter((tag) => !applied.has(tag))
  } finally {
    await client.end()
  }
}

async function open(databaseUrl: string): Promise<Client> {
  const client = new Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: connectMsMax,
  })
  client.on("error", () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    throw new Error(whyNoConnection(error), { cause: error })
  }
}

/** A sentence for whoever set DATABASE_URL, with nothing of what it holds. */
function whyNoConnection(error: unknown): string {
  // A name with several addresses fails with an error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && "code" in first ? String(first.code) : "no answer in time"
  if (code === "28P01" || code === "28000")
    return "The server of DATABASE_URL refuses its user or password."
  if (code === "3D000") return "The database that DATABASE_URL names does not exist on its server."
  if (first instanceof DatabaseError)
    return `The server of DATABASE_URL refuses the connection (${code}).`
  return `The server of DATABASE_URL cannot be reached (${code}).`
}

async function applyOne(client: Client, migration: Migration, now: Date): Promise<void> {
  await client.query("begin")
  try {
    await client.query(migration.sql)
    await client.query(
      "insert into schema_migrations (tag, checksum, applied_at) values ($1, $2, $3)",
      [migration.tag, migration.checksum, now],
    )
    await client.query("commit")
  } catch (error) {
    await client.query("rollback").catch(() => {})
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`Migration ${migration.tag} failed and was rolled back: ${reason}`, {
      cause: error,
    })
  }
}
