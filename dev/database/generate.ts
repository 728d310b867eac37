// `npm run db:generate -- NAME`: writes a numbered file with the changes of src/platform/db/schema.
//
// drizzle-kit compares the schema with migrations/drizzle-snapshot.json, which is updated as well.
// With --check nothing is written, and it fails if there is something to write.
import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { rootDirectory } from "../root.ts"

const migrations = join(rootDirectory, "migrations")
const snapshot = join(migrations, "drizzle-snapshot.json")
// Inside the checkout, since drizzle-kit takes only relative folders; ignored by git.
const scratch = join(rootDirectory, ".data", `drizzle-${process.pid}`)

const [argument = ""] = process.argv.slice(2)
const isCheck = argument === "--check"

try {
  if (!isCheck && !/^[a-z][a-z0-9_]*$/.test(argument)) {
    throw new Error("Name the change in snake_case: `npm run db:generate -- add_hold_until`.")
  }
  const sql = generate()
  if (sql === undefined) {
    if (!isCheck) console.log("The schema has not changed.")
  } else if (isCheck) {
    throw new Error(`The schema has changed without a migration (npm run db:generate):\n${sql}`)
  } else {
    const numbers = readdirSync(migrations).map((name) =>
      Number(/^\d{4}(?=_)/.exec(name)?.[0] ?? 0),
    )
    const file = `${String(Math.max(...numbers) + 1).padStart(4, "0")}_${argument}.sql`
    writeFileSync(join(migrations, file), sql)
    writeFileSync(snapshot, `${JSON.stringify(newSnapshot(), null, 1)}\n`)
    console.log(`Wrote migrations/${file}: say there why, then run npm run schema.`)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : "drizzle-kit failed.")
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** Runs drizzle-kit on a copy of the snapshot. Returns undefined if the schema has not changed. */
function generate(): string | undefined {
  mkdirSync(join(scratch, "meta"), { recursive: true })
  const entries = [{ idx: 0, version: "7", when: 0, tag: "0000_before", breakpoints: true }]
  const journal = { version: "7", dialect: "postgresql", entries }
  writeFileSync(join(scratch, "meta", "_journal.json"), JSON.stringify(journal))
  writeFileSync(join(scratch, "meta", "0000_snapshot.json"), readFileSync(snapshot))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(rootDirectory, "node_modules/drizzle-kit/bin.cjs"),
      "generate",
      "--dialect=postgresql",
      "--schema=./src/platform/db/schema/*.ts",
      `--out=${relative(rootDirectory, scratch)}`,
    ],
    // A rename makes it ask. Without a terminal it ends instead of waiting.
    {
      cwd: rootDirectory,
      stdio: isCheck ? "pipe" : ["inherit", "inherit", "pipe"],
      encoding: "utf8",
    },
  )
  if (status !== 0) throw new Error(`${stdout ?? ""}${stderr}`)
  const made = readdirSync(scratch).find((name) => name.endsWith(".sql"))
  if (made === undefined) return undefined
  return (
    readFileSync(join(scratch, made), "utf8").replaceAll("--> statement-breakpoint", "").trim() +
    "\n"
  )
}

/** Its ids chain snapshots; there is only one, so they stay the same. */
function newSnapshot(): object {
  const made = JSON.parse(readFileSync(join(scratch, "meta", "0001_snapshot.json"), "utf8"))
  const { id, prevId } = JSON.parse(readFileSync(snapshot, "utf8"))
  return { ...made, id, prevId }
}
