// Fails when the schema in src/platform/db/schema says something that migrations/ does not: drizzle-kit must find nothing to generate.
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { join, relative } from "node:path"
import { rootDirectory } from "../root.ts"

const kit = join(rootDirectory, "node_modules/drizzle-kit/bin.cjs")
// Inside the checkout, since drizzle-kit takes only relative folders; ignored by git.
const copy = join(rootDirectory, ".data", `migrations-${process.pid}`)

const run = (...parameters: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [kit, ...parameters], {
    cwd: rootDirectory,
    // A rename makes it ask; without a terminal it ends instead of waiting.
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
  })
  return { ok: status === 0, text: stdout + stderr }
}

mkdirSync(copy, { recursive: true })
try {
  cpSync(join(rootDirectory, "migrations"), copy, { recursive: true })
  const before = readdirSync(copy).length
  const generated = run(
    "generate",
    "--dialect=postgresql",
    "--schema=./src/platform/db/schema/*.ts",
    `--out=${relative(rootDirectory, copy)}`,
  )
  const checked = run("check")
  if (!generated.ok || !checked.ok || readdirSync(copy).length !== before) {
    console.error(generated.ok ? checked.text : generated.text)
    console.error(
      "The schema has changed without a migration, or the migrations do not fit together: `npm run db:generate`.",
    )
    process.exitCode = 1
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
