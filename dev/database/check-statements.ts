// Fails if the last run of the suite did not execute each named statement of src on PostgreSQL.
//
// Statements exist only when their builders are called, with values that fit. So the suite proves
// them: its database endpoint records the names that lead their texts. What no test executes was
// never parsed against the schema.
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { rootDirectory } from "../root.ts"

/** Where the suite writes the names. */
export const executedStatements = join(rootDirectory, ".data", "statements.json")

/** The names that are literals. The few that are computed are those of their callers. */
function statementNames(): string[] {
  const files = globSync("src/**/*.ts", { cwd: rootDirectory })
  const texts = files.map((path) => readFileSync(join(rootDirectory, path), "utf8"))
  const named = /\bstatement(?:<[^;]*?>)?\(\s*"([\w.-]+)"/g
  return texts.flatMap((text) => [...text.matchAll(named)].map(([, name = ""]) => name))
}

if (import.meta.main) {
  const executed = new Set(JSON.parse(readFileSync(executedStatements, "utf8")))
  const missing = statementNames().filter((name) => !executed.has(name))
  if (missing.length > 0) {
    console.error(`No test executes ${missing.join(", ")}.`)
    process.exitCode = 1
  }
}
