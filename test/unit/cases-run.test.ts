// Every group of cases is executed by a test.
import { expect, test } from "vitest"
import lifecycle from "../cases/lifecycle.json" with { type: "json" }
import prebuilds from "../cases/prebuilds.json" with { type: "json" }
import { sourceFiles } from "./source-files.ts"

const tests = sourceFiles("test").map(({ text }) => text)

/**
 * A test reads a group as data: `groups.<name>`, or by its name through a helper that types its
 * rows.
 */
function isRead(name: string): boolean {
  const reading = new RegExp(`\\bgroups\\.${name}\\b|\\browsOf<[^()]*>\\(\\s*"${name}",?\\s*\\)`)
  return tests.some((text) => reading.test(text))
}

test.each([
  ["lifecycle", Object.keys(lifecycle.groups)],
  ["prebuilds", Object.keys(prebuilds.groups)],
])("every group of %s is read by a test", (_, names) => {
  expect(names.length).toBeGreaterThan(0)
  expect(names.filter((name) => !isRead(name))).toEqual([])
})
