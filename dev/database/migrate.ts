// `npm run migrate`: applies migrations/ to the database of DATABASE_URL.
//
// For Neon give the direct URL, not the pooled one.
import { join } from "node:path"
import { readDatabaseUrl } from "./database-url.ts"
import { migrate, readMigrations } from "./migrations.ts"
import { rootDirectory } from "../root.ts"

try {
  const text = process.env["DATABASE_URL"]
  if (text === undefined || text === "") {
    throw new Error(
      "Set DATABASE_URL to the database to migrate. The local database is migrated by `npm start`.",
    )
  }
  const { url } = readDatabaseUrl(text)
  const migrations = readMigrations(join(rootDirectory, "migrations"))
  const applied = await migrate(url, migrations, new Date())
  for (const name of applied) console.log(`applied ${name}`)
  if (applied.length === 0) console.log("nothing to apply")
} catch (error) {
  console.error(error instanceof Error ? error.message : "The migration failed.")
  process.exitCode = 1
}
