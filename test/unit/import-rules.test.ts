// Which room of src/ may import which. Arrows point down this table, so that a room can be read
// alone.
import { expect, test } from "vitest"
import { importsOf, sourceFiles } from "./source-files.ts"

/** What every room may use. */
const ground = ["platform", "clock.ts", "sweeps.ts", "version.ts", "bindings.d.ts"]
/** Fragments of other rooms' statements, and who may do what. */
const shared = ["access", "audit", "notifications"]

/**
 * From the lowest to the highest. Each lists the lower rooms that it uses beside what all may use.
 */
const rooms: Record<string, string[]> = {
  schedule: [],
  queue: [],
  metrics: [],
  usage: ["schedule"],
  agents: ["usage", "queue"],
  templates: ["schedule", "queue", "agents"],
  builds: ["templates", "queue", "agents"],
  // The queue's upper half acts on builds and templates; its lower half is used by them.
  "queue/daemons": ["queue", "queue/jobs"],
  "queue/jobs": [
    "builds",
    "templates",
    "agents",
    "schedule",
    "queue",
    "queue/daemons",
    "queue/complete",
  ],
  "queue/complete": ["builds", "templates", "agents", "schedule", "queue", "queue/jobs"],
  "queue/lists": ["queue", "queue/daemons"],
  pools: ["builds", "templates", "schedule", "queue", "metrics"],
  lifecycle: ["builds", "templates", "schedule", "usage", "queue"],
  workspaces: ["pools", "builds", "templates", "agents", "schedule", "queue", "feed"],
  feed: ["workspaces", "agents", "queue"],
  identity: ["schedule"],
  deployment: ["schedule", "queue", "queue/daemons"],
  insights: ["metrics", "usage", "queue"],
  retention: [],
}
/** Rooms of one subject, between which arrows may go both ways. */
const oneSubject = [
  ["queue/daemons", "queue/jobs", "queue/complete"],
  ["workspaces", "feed"],
]

/**
 * The programs share the wire's frames and types and the manifest's reader with the Worker. They
 * need no workerd.
 */
const programs = new Set(["programs", "agents", "queue", "queue/jobs", "templates", "schedule"])

/** The longest room that contains the path. */
function roomOf(path: string): string {
  const parts = path.split("/").slice(1)
  const two = parts.slice(0, 2).join("/")
  return two in rooms ? two : (parts[0] ?? "")
}
const imports = sourceFiles("src").flatMap(importsOf)

test("the table has no arrow back up", () => {
  const order = Object.keys(rooms)
  const isOneSubject = (a: string, b: string) =>
    oneSubject.some((names) => names.includes(a) && names.includes(b))
  for (const [room, uses] of Object.entries(rooms)) {
    for (const used of uses)
      expect([
        room,
        used,
        isOneSubject(room, used) || order.indexOf(used) < order.indexOf(room),
      ]).toEqual([room, used, true])
  }
})

test("every room of src/ is in the table", () => {
  const known = new Set([...Object.keys(rooms), ...shared, "platform", "programs"])
  const found = new Set(
    sourceFiles("src")
      .filter(({ path }) => path.split("/").length > 2)
      .map(({ path }) => roomOf(path)),
  )
  expect([...found].filter((room) => !known.has(room))).toEqual([])
})

test("rooms import what the table allows", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)]
    if (here === there || rooms[here] === undefined) return false
    return ![...ground, ...shared, ...rooms[here]].includes(there)
  })
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test("the platform imports no room", () => {
  const wrong = imports.filter(
    ({ from, to }) => roomOf(from) === "platform" && !ground.includes(roomOf(to)),
  )
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test("access stands on the ground alone; the trail and the outbox on the ground and access", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)]
    if (!shared.includes(here) || here === there || ground.includes(there)) return false
    const used = here === "notifications" ? ["access", "audit"] : ["access"]
    return here === "access" || !used.includes(there)
  })
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
})

test("the programs need no Worker", () => {
  const wrong = imports.filter(
    ({ from, to, isType }) => roomOf(from) === "programs" && !isType && !programs.has(roomOf(to)),
  )
  expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])

  const needed = new Set(sourceFiles("src/programs").map(({ path }) => path))
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
