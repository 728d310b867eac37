// Fails a whole run in which a behaviour case was not executed.
//
// A row counts as executed if a passing test read its outcome: `expected` or `expect`, or any field
// of a row without either. `test/cases/setup.ts` hands over the fields that each test read.
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Reporter, TestCase, TestModule } from "vitest/node"

const directory = import.meta.dirname

/** Fields that describe a row. They are no part of the behaviour. */
const descriptions = new Set(["id", "name", "note", "rule"])

/** Rows that no test reads, with the reason. */
const excused: Readonly<Record<string, string>> = {
  "lifecycle/quiet_hours_store/8": "No setting forbids people their own quiet hours.",
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

/** The paths of all fields with a value of their own. */
export function fieldsOf(value: Json, path: string): string[] {
  if (typeof value !== "object" || value === null) return [path]
  const entries = Object.entries(value)
  if (entries.length === 0) return [path]
  return entries.flatMap(([name, inner]) => fieldsOf(inner, `${path}/${name}`))
}

const rowOf = (field: string) => field.split("/").slice(0, 3).join("/")
const isOutcome = (field: string) => /^[^/]+\/[^/]+\/\d+\/expect(ed)?(\/|$)/.test(field)
const isDescription = (field: string) => descriptions.has(field.slice(field.lastIndexOf("/") + 1))

/** The rows that were not executed, of the rows that these fields make up. */
export function findMissed(all: readonly string[], read: ReadonlySet<string>): string[] {
  const rows = Map.groupBy(
    all.filter((field) => /^[^/]+\/[^/]+\/\d+\//.test(field) && !isDescription(field)),
    rowOf,
  )
  const isMissed = (fields: readonly string[]) => {
    const outcome = fields.filter(isOutcome)
    return !(outcome.length > 0 ? outcome : fields).some((field) => read.has(field))
  }
  return [...rows].filter(([, fields]) => isMissed(fields)).map(([row]) => row)
}

export function allFields(): string[] {
  return ["lifecycle", "prebuilds"].flatMap((name) => {
    const text = readFileSync(join(directory, "cases", `${name}.json`), "utf8")
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a file of ours
    const { groups } = JSON.parse(text) as { groups: Json }
    return fieldsOf(groups, name)
  })
}

export class CaseReporter implements Reporter {
  readonly #read = new Set<string>()
  #isPartial = false

  onTestCaseResult(test: TestCase): void {
    const { state } = test.result()
    if (state === "skipped") this.#isPartial = true
    if (state !== "passed") return
    const { caseFields } = test.meta() as { caseFields?: string[] }
    for (const field of caseFields ?? []) this.#read.add(field)
  }

  /** Prints the number of executed rows per group. Does nothing after a run of some files only. */
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = globSync("{unit,node,worker}/**/*.test.ts", { cwd: directory })
    if (this.#isPartial || modules.length < files.length) return
    const all = allFields()
    const missed = findMissed(all, this.#read).filter((row) => !(row in excused))
    const groups = Map.groupBy(new Set(all.map(rowOf)), (row) => row.replace(/\/[^/]+$/, ""))
    for (const [group, rows] of groups) {
      const lost = missed.filter((row) => row.startsWith(`${group}/`))
      if (lost.length === 0) continue
      console.error(`${group}: ${rows.length - lost.length} of ${rows.length} rows were executed`)
      console.error(`  not executed: ${lost.join(", ")}`)
    }
    if (missed.length > 0) process.exitCode = 1
  }
}
