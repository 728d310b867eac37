// `npm run deploy`: brings the production database up to date, then the Worker. `-- --dry-run` shows what would be uploaded and changes nothing.
//
// Migrations go first and only add: while the new Worker rolls out, the old one still runs on the same schema.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { bundleAgent } from "./bundle-agent.ts"
import { readDatabaseUrl } from "./database-url.ts"
import { migrate, readMigrations } from "./migrations.ts"
import { rootDirectory } from "./root.ts"

const isDryRun = process.argv.includes("--dry-run")

try {
  const text = process.env["DATABASE_URL"] ?? ""
  if (!isDryRun) {
    if (text === "")
      throw new Error("Set DATABASE_URL to the direct (not pooled) URL of the production database.")
    const { url } = readDatabaseUrl(text)
    const added = await migrate(url, readMigrations(join(rootDirectory, "migrations")), new Date())
    console.log(added.length === 0 ? "the schema is up to date" : `applied ${added.join(", ")}`)
  }
  await bundleAgent()
  process.exitCode = runWrangler(["deploy", "--minify", ...(isDryRun ? ["--dry-run"] : [])])
} catch (error) {
  console.error(error instanceof Error ? error.message : "The deployment failed.")
  process.exitCode = 1
}

function runWrangler(parameters: string[]): number {
  const program = join(rootDirectory, "node_modules/wrangler/bin/wrangler.js")
  // The database URL is a secret of the Worker already; wrangler has no use for it.
  const { DATABASE_URL: _, ...env } = process.env
  const { status } = spawnSync(process.execPath, [program, ...parameters], {
    cwd: rootDirectory,
    stdio: "inherit",
    env,
  })
  return status ?? 1
}
