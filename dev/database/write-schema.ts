// `npm run schema`: writes migrations/schema.sql, from a database that it creates and throws away.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startPostgres } from "../local/postgres.ts"
import { rootDirectory } from "../root.ts"
import { migrate, readMigrations } from "./migrations.ts"
import { openClient } from "./open-client.ts"
import { printSchema } from "./print-schema.ts"

const migrations = join(rootDirectory, "migrations")
const directory = mkdtempSync(join(tmpdir(), "dormouse-schema-"))
const postgres = await startPostgres({ directory, durable: false })
try {
  const url = postgres.url("postgres")
  await migrate(url, readMigrations(migrations), new Date(0))
  const client = await openClient(url)
  writeFileSync(join(migrations, "schema.sql"), await printSchema(client))
  await client.end()
  console.log("Wrote migrations/schema.sql.")
} catch (error) {
  console.error(error instanceof Error ? error.message : "The schema cannot be printed.")
  process.exitCode = 1
} finally {
  await postgres.stop()
  rmSync(directory, { recursive: true, force: true })
}
