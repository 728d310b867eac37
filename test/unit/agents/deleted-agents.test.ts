// Every statement that reads or changes agents, and what it does about soft-deleted ones.
//
// A new statement fails here until it is listed, so that each one is a decision.
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { sourceFiles } from "../source-files.ts"

/** `filters`: the statement ignores deleted agents. Any other text says why it need not. */
const filters = "filters"
const byActor = "acts on the agent that authenticated in its transaction, and deleted agents cannot"
const byConnect = "calls agent_may_connect(), and deleted agents may not"
const acquired = [
  "the agents of an import's plan, which are never deleted",
  "the token of an earlier start, whose agents a stop has deleted",
]

const expected: [path: string, ...uses: string[]][] = [
  ["migrations/code/access/authenticate_agent.sql", byConnect],
  ["migrations/code/queue/acquire_job.sql", ...acquired],
  ["src/agents/actor.ts", byActor],
  ["src/agents/external/routes.ts", filters],
  [
    "src/agents/hub/statements.ts",
    "connections are written by id, deleted or not",
    byActor,
    filters,
    byConnect,
  ],
  ["src/agents/hub/review-sweep.ts", "finds those that may not connect, deleted ones among them"],
  ["src/agents/reports/log-statements.ts", byActor, byActor],
  ["src/agents/reports/manifest.ts", byActor],
  ["src/agents/owner/routes.ts", byActor],
  ["src/agents/reinit/statement.ts", byConnect],
  ["src/agents/reports/statements.ts", byActor, byActor],
  ["src/agents/views/resources-json.ts", filters],
  [
    "src/agents/sub-agents/statements.ts",
    filters,
    filters,
    "an insert",
    filters,
    filters,
    filters,
    filters,
    filters,
  ],
  [
    "src/agents/people/statements.ts",
    filters,
    "logs outlive their agent; every other caller filters by its option",
  ],
  ["src/builds/create/statement.ts", filters],
  ["src/builds/timings.ts", "what happened to a build", "what happened to a build"],
  ["src/deployment/connections/statement.ts", "connections outlive their agent"],
  ["src/insights/metrics/live.ts", filters],
  ["src/insights/report-statements.ts", "the agents of an import's plan, which are never deleted"],
  ["src/pools/claim.ts", filters],
  ["src/pools/read-pools.ts", filters],
  ["src/queue/complete/build-statement.ts", filters],
  ["src/queue/complete/resource-inserts.ts", "an insert"],
  ["src/usage/facts-json.ts", filters],
  ["src/workspaces/list/filter.ts", filters],
  ["src/workspaces/fleet.ts", filters],
  ["src/workspaces/view.ts", filters],
]

type Use = { path: string; isFiltered: boolean }

const root = join(import.meta.dirname, "..", "..", "..")
const sources = [
  ...sourceFiles("src").filter(({ path }) => !path.startsWith("src/platform/db/schema/")),
  ...globSync("migrations/code/**/*.sql", { cwd: root }).map((path) => ({
    path,
    text: readFileSync(join(root, path), "utf8"),
  })),
]

/** Each place that names the table, and whether the text that follows filters deleted agents. */
function usesIn({ path, text }: { path: string; text: string }): Use[] {
  const named =
    /\b(?:from|join|update|into)\s+workspace_agents\b(?:\s+(?!join|where|set|on)(\w+))?/gi
  return [...text.matchAll(named)].map((match) => {
    const alias = match[1] === undefined ? "" : `${match[1]}\\.`
    const rest = text.slice(match.index, match.index + 900).split(/`,?\n|`\)/)[0] ?? ""
    return { path, isFiltered: new RegExp(`\\bnot ${alias}deleted\\b`, "i").test(rest) }
  })
}

const found = Map.groupBy(sources.flatMap(usesIn), (use) => use.path)

test("every statement that names agents is in the list", () => {
  const counts = Object.fromEntries([...found].map(([path, uses]) => [path, uses.length]))
  expect(counts).toEqual(Object.fromEntries(expected.map(([path, ...uses]) => [path, uses.length])))
})

test.each(expected)("%s filters where the list says so", (path, ...uses) => {
  const actual = found.get(path)?.map((use) => use.isFiltered) ?? []
  for (const [index, use] of uses.entries()) {
    if (use === filters) expect([index, actual[index]]).toEqual([index, true])
  }
})
