// Who may import whom in src/. A folder is a noun; arrows go down this table and none goes back up, so that a part can be read alone.
import { expect, test } from "vitest"
import { importsOf, sourceFiles } from "./source-files.ts"

/** What every folder may use. */
const ground = ["db", "http", "clock.ts", "sweeps.ts", "version.ts", "bindings.d.ts"]
/** What rides in other folders' statements, and who may do what. */
const shared = ["access", "audit", "notifications"]

/** From the lowest to the highest; each names the lower folders that it uses beside what all may use. */
const folders: Record<string, string[]> = {
  schedule: [],
  jobs: [],
  metrics: [],
  usage: ["schedule"],
  agents: ["usage", "jobs"],
  templates: ["schedule", "jobs", "agents"],
  builds: ["templates", "jobs", "agents"],
  provisioners: ["builds", "templates", "agents", "schedule", "jobs"],
  prebuilds: ["builds", "templates", "schedule", "jobs", "metrics"],
  lifecycle: ["builds", "templates", "schedule", "usage", "jobs"],
  workspaces: ["prebuilds", "builds", "templates", "agents", "schedule", "jobs"],
  identity: ["schedule"],
  deployment: [],
  insights: ["metrics", "usage", "jobs"],
}

/** The command line's programs share the wire's frames and types and the manifest's reader with the Worker, and nothing that needs workerd. */
const cli = new Set(["cli", "agents", "provisioners", "templates"])

const folderOf = (path: string) => path.split("/")[1] ?? ""
const imports = sourceFiles("src").flatMap(importsOf)

test("the table has no arrow back up", () => {
  const order = Object.keys(folders)
  for (const [folder, uses] of Object.entries(folders)) {
    for (const used of uses)
      expect([folder, used, order.indexOf(used) < order.indexOf(folder)]).toEqual([folder, used, true])
  }
})

test("every folder of src/ is in the table", () => {
  const known = new Set([...Object.keys(folders), ...shared, "db", "http", "cli"])
  const found = new Set(
    sourceFiles("src")
      .filter(({ path }) => path.split("/").length > 2)
      .map(({ path }) => folderOf(path)),
  )
  expect([...found].filter((folder) => !known.has(folder))).toEqual([])
})

test("folders import what the table allows", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [here, there] = [folderOf(from), folderOf(to)]
    if (here === there || folders[here] === undefined) return false
    return ![...ground, ...shared, ...folders[here]].includes(there)
  })
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test("the ground imports nothing of ours, types of the request's variables aside", () => {
  const wrong = imports.filter(({ from, to, isType }) => {
    if (!["db", "http"].includes(folderOf(from)) || ground.includes(folderOf(to))) return false
    return !(isType && from === "src/http/env.ts")
  })
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test("access stands on the ground alone; the trail and the outbox on the ground and access", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [here, there] = [folderOf(from), folderOf(to)]
    if (!shared.includes(here) || here === there || ground.includes(there)) return false
    return here === "access" || there !== "access"
  })
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test("the command line's programs need no Worker", () => {
  const wrong = imports.filter(
    ({ from, to, isType }) => folderOf(from) === "cli" && !isType && !cli.has(folderOf(to)),
  )
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])

  const needed = new Set(sourceFiles("src/cli").map(({ path }) => path))
  for (const path of needed) {
    for (const { from, to, isType } of imports) if (from === path && !isType) needed.add(to)
  }
  const inWorkerd = sourceFiles("src").filter(({ text }) => /from "cloudflare:/.test(text))
  expect(inWorkerd.map(({ path }) => path).filter((path) => needed.has(path))).toEqual([])
})

test("production imports nothing of the local system or the tests", () => {
  const wrong = imports.filter(({ to }) => !to.startsWith("src/"))
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})
