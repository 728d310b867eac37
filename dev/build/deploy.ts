// `npm run deploy`: migrates the production database, then deploys the Worker.
//
// Other parameters are passed to `wrangler deploy`. `--dry-run` changes nothing and needs no
// account. It applies the migrations to a throw-away database with the roles of docs/deploy.md. It
// also prints what the database of DATABASE_URL lacks, if that is set, and builds the agent and the
// bundle.
//
// Migrations run first and only add: the old Worker still runs on the schema while the new one
// rolls out.
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { makeAssets } from "./assets.ts"
import { readDatabaseUrl } from "../database/database-url.ts"
import { migrate, pendingMigrations, readMigrations } from "../database/migrations.ts"
import { rehearseDatabase } from "../database/rehearse.ts"
import { rootDirectory } from "../root.ts"

const parameters = process.argv.slice(2)
const isDryRun = parameters.includes("--dry-run")
const migrations = readMigrations(join(rootDirectory, "migrations"))

try {
  const wrong = checkAccessUrl(readFileSync(join(rootDirectory, "wrangler.toml"), "utf8"))
  if (wrong !== undefined && !isDryRun) throw new Error(wrong)
  const text = process.env["DATABASE_URL"] ?? ""
  await (isDryRun ? rehearse(text) : bringUpToDate(text))
  if (wrong !== undefined) console.log(`would refuse: ${wrong}`)
  await makeAssets()
  process.exitCode = runWrangler(["deploy", "--minify", ...parameters])
} catch (error) {
  console.error(error instanceof Error ? error.message : "The deployment failed.")
  process.exitCode = 1
}

/** Agents and people are given this address, so a placeholder would send them elsewhere. */
function checkAccessUrl(config: string): string | undefined {
  const text = /^ACCESS_URL = "(.*)"/m.exec(config)?.[1] ?? ""
  const url = URL.parse(text)
  if (url === null || url.protocol !== "https:" || text.endsWith("/")) {
    return `ACCESS_URL in wrangler.toml must be an https address without a slash at its end,
      not ${text || "empty"}.`
  }
  if (/(^|\.)example\./.test(url.hostname)) {
    return `ACCESS_URL in wrangler.toml
      is still ${text}: put the address there that people will use.`
  }
  return undefined
}

async function bringUpToDate(text: string): Promise<void> {
  if (text === "")
    throw new Error("Set DATABASE_URL to the direct (not pooled) URL of the production database.")
  const { url, host } = readDatabaseUrl(text)
  if (host.split(".")[0]?.endsWith("-pooler")) {
    throw new Error(
      "DATABASE_URL is the pooled URL. Migrations need the direct one, without -pooler.",
    )
  }
  const added = await migrate(url, migrations, new Date())
  console.log(added.length === 0 ? "the schema is up to date" : `applied ${added.join(", ")}`)
}

async function rehearse(text: string): Promise<void> {
  const tables = await rehearseDatabase(migrations, new Date())
  console.log(
    `applied ${migrations.numbered.length} migrations and ${migrations.code.length} code files ` +
      `to a throw-away database. The Worker's role may use its ${tables.length} tables and ` +
      "views, and cannot change them.",
  )
  if (text === "") return console.log("DATABASE_URL is not set, so pending migrations are unknown")
  const pending = await pendingMigrations(readDatabaseUrl(text).url, migrations)
  console.log(
    pending.length === 0
      ? "the database of DATABASE_URL is up to date"
      : `would apply ${pending.join(", ")}`,
  )
}

function runWrangler(given: string[]): number {
  const program = join(rootDirectory, "node_modules/wrangler/bin/wrangler.js")
  // The database URL is already a secret of the Worker; wrangler does not need it.
  const { DATABASE_URL: _, ...env } = process.env
  const { status } = spawnSync(process.execPath, [program, ...given], {
    cwd: rootDirectory,
    stdio: "inherit",
    env,
  })
  return status ?? 1
}
