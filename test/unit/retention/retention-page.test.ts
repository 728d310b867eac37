// Every table is on the operators' page, with the period for which its rows are really kept.
import { readdirSync, readFileSync } from "node:fs"
import { getTableName, isTable } from "drizzle-orm"
import { expect, test } from "vitest"
import { retentionMs } from "../../../src/retention/periods.ts"

const page = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8")
const section = page.slice(page.indexOf("## What is kept"), page.indexOf("## Backup"))
const quoted = (text: string) => [...text.matchAll(/`([a-z_]+)`/g)].map(([, name = ""]) => name)

/** Table to days, by the page. */
const daysOnPage = new Map(
  section.split("\n").flatMap((line) => {
    const cells = line.split("|")
    const days = /^\s*(\d+) days?\b/.exec(cells[3] ?? "")?.[1]
    return days === undefined
      ? []
      : quoted(cells[2] ?? "").map((table) => [table, Number(days)] as const)
  }),
)

test("the page lists each period of the purge", () => {
  for (const [table, ms] of Object.entries(retentionMs)) {
    expect([table, daysOnPage.get(table)]).toEqual([table, ms / 86_400_000])
  }
})

test("every table has a period or is in the list of tables that are kept", async () => {
  const folder = new URL("../../../src/platform/db/schema/", import.meta.url)
  const modules = await Promise.all(
    readdirSync(folder).map(
      (file): Promise<Record<string, unknown>> => import(new URL(file, folder).href),
    ),
  )
  const tables = modules
    .flatMap((exports) => Object.values(exports))
    .filter((value) => isTable(value))
    .map((table) => getTableName(table))
  expect(tables.length).toBeGreaterThan(40)
  const named = new Set(quoted(section))
  expect(tables.filter((table) => !named.has(table))).toEqual([])
})
