// The list of the statements that write a lifecycle value is complete.
import { expect, test } from "vitest"
import { claimWriter, lifecycleColumns, lifecycleWriters } from "../../lifecycle-writers.ts"
import { sourceFiles } from "../source-files.ts"

test("every file that writes a lifecycle value is in the list of writers", () => {
  const writes = new RegExp(`\\b(${lifecycleColumns.join("|")}) = `)
  const writers = sourceFiles("src")
    .filter(
      ({ path, text }) =>
        !path.startsWith("src/programs/") && /\bupdate |\bset: /.test(text) && writes.test(text),
    )
    .map(({ path }) => path)
  expect(writers.toSorted()).toEqual([...lifecycleWriters, claimWriter].toSorted())
})
