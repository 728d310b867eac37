// Comments, test names and pages are plain English of at most 100 columns and 25 words a sentence.
import { expect, test } from "vitest"
import { findingsIn, proseFiles } from "./plain-english.ts"

/**
 * Not yet rewritten. The checks of a schema file are compared as text, so their lines stay.
 */
const pending: string[] = [
  "src/platform/db/schema/agents.ts",
  "src/platform/db/schema/templates.ts",
  "src/platform/db/schema/workspaces.ts",
  "test/node/programs/provisioner/",
]

const files = proseFiles().filter(({ path }) => !pending.some((prefix) => path.startsWith(prefix)))

test.each(files.map(({ path, text }) => [path, text]))("%s is plain English", (path, text) => {
  expect(findingsIn(path, text)).toEqual([])
})

test.each([
  ["// Whoever comes.", '"Whoever": name the actor'],
  ["// Lies in memory.", '"Lies in": is in, is stored'],
  [`// ${"word ".repeat(26)}`, "columns"],
  ["// One answer (api.md 1.7).", "cites a section"],
  ["// See docs/nowhere.md for more.", "no page docs/nowhere.md"],
  ["const A_LIMIT = 1", "constants are camelCase"],
])("%s is found", (text, rule) => {
  expect(
    findingsIn("src/example.ts", `// A header.\n\n${text}`).map((found) => found.rule),
  ).toContain(rule)
})
