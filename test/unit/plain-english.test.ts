// Comments, test names and pages are plain English of at most 100 columns and 25 words a sentence.
import { expect, test } from "vitest"
import { findingsIn, proseFiles } from "./plain-english.ts"

/** Not yet rewritten. */
const pending = [
  "dev/database/",
  "docs/lifecycle.md",
  "docs/provisioning.md",
  "migrations/0003_add_job_engine.sql",
  "migrations/README.md",
  "migrations/code/lifecycle/",
  "migrations/code/queue/",
  "src/access/",
  "src/agents/",
  "src/app.ts",
  "src/audit/",
  "src/builds/",
  "src/clock.ts",
  "src/deployment/",
  "src/feed/",
  "src/identity/",
  "src/insights/",
  "src/lifecycle/",
  "src/metrics/",
  "src/notifications/",
  "src/platform/",
  "src/pools/",
  "src/queue/",
  "src/retention/",
  "src/templates/",
  "src/usage/",
  "src/version.ts",
  "src/worker.ts",
  "src/workspaces/",
  "test/clients/administrator-maps.ts",
  "test/clients/call-maps.ts",
  "test/clients/client.ts",
  "test/clients/place.ts",
  "test/node/database/",
  "test/node/programs/",
  "test/outside/call-maps.test.ts",
  "test/outside/curl.ts",
  "test/unit/agents/",
  "test/unit/builds/",
  "test/unit/feed/",
  "test/unit/insights/",
  "test/unit/notifications/",
  "test/unit/pools/",
  "test/unit/programs/",
  "test/unit/queue/",
  "test/unit/retention/",
  "test/unit/schedule/",
  "test/unit/templates/",
  "test/unit/usage/",
  "test/unit/workspaces/",
  "test/worker/access/",
  "test/worker/agents/",
  "test/worker/audit/",
  "test/worker/builds/",
  "test/worker/clients/",
  "test/worker/feed/",
  "test/worker/given-people.ts",
  "test/worker/given-templates.ts",
  "test/worker/given-workspaces.ts",
  "test/worker/identity/",
  "test/worker/insights/",
  "test/worker/lifecycle/",
  "test/worker/notifications/",
  "test/worker/platform/",
  "test/worker/pools/",
  "test/worker/queue/",
  "test/worker/retention/",
  "test/worker/templates/",
  "test/worker/usage/",
  "test/worker/workspaces/",
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
