// The reporter that fails a run in which a behaviour case was not executed.
import { expect, test } from "vitest"
import { allFields, fieldsOf, findMissed } from "../case-reporter.ts"

const row = { id: "X1", name: "a row", input: { at: "now" }, expected: { next: null, tags: [] } }
const flat = { name: "a flat row", q: "", found: 1 }

test("findMissed returns a row whose outcome no test read", () => {
  const all = fieldsOf([row, flat], "lifecycle/group")
  const read = new Set(["lifecycle/group/0/input/at", "lifecycle/group/1/name"])
  expect(findMissed(all, read)).toEqual(["lifecycle/group/0", "lifecycle/group/1"])
})

test("findMissed accepts rows whose outcome was read", () => {
  const all = fieldsOf([row, flat], "lifecycle/group")
  const read = new Set(["lifecycle/group/0/expected/tags", "lifecycle/group/1/found"])
  expect(findMissed(all, read)).toEqual([])
})

test("allFields lists the rows of both files", () => {
  const fields = allFields()
  expect(fields).toContain("lifecycle/cron_next/0/expected/next")
  expect(fields.some((field) => field.startsWith("prebuilds/claims/10/"))).toBe(true)
})
