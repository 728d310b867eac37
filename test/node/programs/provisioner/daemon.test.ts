// The daemon against a control plane over HTTP: what it takes, says, survives and how it ends.
import { existsSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { createScriptEngine } from "../../../../src/programs/provisioner/engines/script/engine.ts"
import { createTerraformEngine } from "../../../../src/programs/provisioner/engines/terraform/engine.ts"
import { createArchiveCache } from "../../../../src/programs/provisioner/archive-cache.ts"
import { connectControlPlane } from "../../../../src/programs/provisioner/control-plane.ts"
import { startDaemon, type Daemon } from "../../../../src/programs/provisioner/daemon.ts"
import { runJob } from "../../../../src/programs/provisioner/run-job.ts"
import { createServerClock } from "../../../../src/programs/server-clock.ts"
import { templateOf, tarOf } from "./archives.ts"
import {
  startFakeControlPlane,
  type FakeControlPlane,
  type JobRecord,
} from "./fake-control-plane.ts"
import { buildJob, importJob } from "./jobs.ts"

let plane: FakeControlPlane
let directory: string
let daemon: Daemon | undefined
beforeEach(async () => {
  plane = await startFakeControlPlane()
  directory = await mkdtemp(join(tmpdir(), "daemon-"))
})
afterEach(async () => {
  daemon?.drain()
  await daemon?.done.catch(() => undefined)
  daemon = undefined
  await plane.stop()
  await rm(directory, { recursive: true, force: true })
})

function start(
  options: {
    url?: string
    jobCountMax?: number
    key?: string
    lostMs?: number
    pollMs?: number
    silentMsMax?: number
  } = {},
) {
  const clock = createServerClock()
  const client = connectControlPlane({
    url: options.url ?? plane.url,
    key: options.key ?? "key",
    clock,
  })
  const cache = createArchiveCache(join(directory, "cache"), 1_000_000)
  const env = { PATH: process.env["PATH"] }
  const engines = {
    script: createScriptEngine({ env, interruptMs: 500 }),
    terraform: createTerraformEngine({
      env,
      findTool: async () => ({ ok: false, error: "No tool is installed." }),
      cacheDirectory: join(directory, "cache"),
      interruptMs: 500,
    }),
  }
  const reports: string[] = []
  const report = (line: string) => void reports.push(line)
  const abandoned = new AbortController().signal
  const timing = { flushMs: 10, renewMs: 40, lostMs: options.lostMs ?? 60_000 }
  daemon = startDaemon({
    plane: client,
    name: "test",
    version: "0",
    tags: undefined,
    jobCountMax: options.jobCountMax ?? 2,
    report,
    run: (id, job) =>
      runJob({ plane: client, daemon: id, clock, cache, engines, report, abandoned, timing }, job),
    timing: {
      heartbeatMs: 50,
      pollMs: options.pollMs ?? 100,
      pingMs: 50,
      silentMsMax: options.silentMsMax ?? 30_000,
      reconnectMsMin: 20,
      reconnectMsMax: 50,
    },
  })
  return { daemon, reports }
}

// Ends a test that hangs, also on a slow machine.
const waitMs = 60_000
const ended = (record: JobRecord) =>
  vi.waitFor(() => expect(record.complete ?? record.fail).toBeDefined(), waitMs)
const until = (check: () => void) => vi.waitFor(check, waitMs)
const resource = {
  type: "process",
  name: "dev",
  agents: [{ name: "main", os: "linux", arch: "amd64" }],
}
const scripts = { start: `echo "hello $DORMOUSE_WORKSPACE_NAME"` }

describe("an import", () => {
  test("reports the manifest and the README", async () => {
    const manifest = {
      parameters: [{ name: "cpus", type: "number", default_value: 2 }],
      presets: [{ name: "small", parameters: { cpus: 1 }, prebuilds: { instances: 2 } }],
      variables: [{ name: "region", default_value: "eu" }],
      resources: [resource, { type: "disk", name: "home", persistent: true }],
      tags: { zone: "a" },
    }
    const record = plane.post(
      importJob(),
      await templateOf({ start: "true", stop: "true" }, manifest),
    )
    start()
    await ended(record)
    expect(record.complete).toMatchObject({
      type: "template_version_import",
      plan: {
        parameters: [{ name: "cpus", default_value: "2", required: false }],
        presets: [{ name: "small", parameters: { cpus: "1" }, prebuilds: { instances: 2 } }],
        variables: [{ name: "region", default_value: "eu" }],
        resources_start: [resource, { type: "disk", name: "home" }],
        resources_stop: [{ type: "disk", name: "home" }],
        tags: { zone: "a" },
        has_external_agent: false,
      },
    })
  })

  test.each([
    [
      "neither a manifest nor Terraform",
      () => tarOf([{ name: "main.py", text: "" }]),
      "it has neither dormouse.json, for a template of scripts, nor a .tf file",
    ],
    [
      "Terraform where no tool is",
      () => tarOf([{ name: "main.tf", text: "" }]),
      "No tool is installed.",
    ],
    [
      "a broken manifest",
      () => tarOf([{ name: "dormouse.json", text: "{" }]),
      "dormouse.json is not JSON",
    ],
    [
      "a missing script",
      () => tarOf([{ name: "dormouse.json", text: '{"scripts":{"start":"go.sh"}}' }]),
      "names go.sh",
    ],
    [
      "a parameter type that there is not",
      () => templateOf(scripts, { parameters: [{ name: "a", type: "date" }] }),
      "parameters[0].type",
    ],
    [
      "damage",
      async () => new Uint8Array(2_000).fill(7),
      "damaged, or not a tar, tar.gz or zip file",
    ],
    ["an entry outside", () => tarOf([{ name: "../evil", text: "x" }]), "an entry outside itself"],
  ])("fails with a sentence: %s", async (_what, archive, error) => {
    const record = plane.post(importJob(), await archive())
    start()
    await ended(record)
    expect(record.fail?.error).toContain(error)
  })

  test("asks for required variables by their code", async () => {
    const archive = await templateOf(scripts, { variables: [{ name: "region" }, { name: "zone" }] })
    const missing = plane.post(
      importJob({ import: { user_variable_values: [{ name: "zone", value: "a" }] } }),
      archive,
    )
    start()
    await ended(missing)
    expect(missing.fail).toMatchObject({
      error: "The template needs values for the variables: region",
      error_code: "REQUIRED_TEMPLATE_VARIABLES",
      engine: "script",
      variables: [
        { name: "region", required: true },
        { name: "zone", required: true },
      ],
    })
  })
})

describe("a build", () => {
  test("streams its lines in order, on the server's clock, before it completes", async () => {
    const ahead = await startFakeControlPlane({ aheadMs: 3 * 86_400_000 })
    const script = Array.from({ length: 30 }, (_, index) => `echo line ${index}`).join("\n")
    const record = ahead.post(
      buildJob(),
      await templateOf({ start: script }, { resources: [resource] }),
    )
    start({ url: ahead.url })
    await ended(record)
    expect(record.complete).toMatchObject({
      type: "workspace_build",
      resources: [resource],
      state: null,
    })
    expect(record.lines.map((line) => line.output)).toEqual(
      Array.from({ length: 30 }, (_, index) => `line ${index}`),
    )
    const aheadMs = Date.parse(record.lines[0]?.created_at ?? "") - Date.now()
    expect(Math.abs(aheadMs - 3 * 86_400_000)).toBeLessThan(10_000)
    daemon?.drain()
    await daemon?.done
    await ahead.stop()
  })

  test("fetches an archive once, however many builds use it and people uploaded it", async () => {
    const archive = await templateOf(scripts, { resources: [resource] })
    // Each job's file has an id of its own, as the same content has for each person who uploads it.
    const records = [1, 2, 3, 4].map(() => plane.post(buildJob(), archive))
    const other = plane.post(
      buildJob(),
      await templateOf({ start: "true" }, { resources: [resource] }),
    )
    start({ jobCountMax: 2 })
    for (const record of [...records, other]) await ended(record)
    expect(new Set(records.map(({ job }) => job.file_id)).size).toBe(4)
    expect(plane.calls.filter((call) => call.endsWith("/file"))).toHaveLength(2)
    expect(records.every((record) => record.complete !== undefined)).toBe(true)
  })

  test("refuses an archive that is not the one which was uploaded, and keeps nothing of it", async () => {
    const archive = await templateOf(scripts, { resources: [resource] })
    const corrupt = plane.post(buildJob(), archive)
    corrupt.archive = await templateOf({ start: "echo evil" }, { resources: [resource] })
    start({ jobCountMax: 1 })
    await ended(corrupt)
    expect(corrupt.fail?.error).toContain(
      "The archive that was downloaded is not the one that was uploaded",
    )
    expect(corrupt.lines).toEqual([])
    const sound = plane.post(buildJob(), archive)
    await ended(sound)
    expect(sound.complete).toBeDefined()
    expect(plane.calls.filter((call) => call.endsWith("/file"))).toHaveLength(2)
  })

  test("runs at most as many jobs at once as it may", async () => {
    const wait = {
      start: `i=0; while [ $i -lt 50 ] && ! [ -e ${directory}/go ]; do sleep 0.1; i=$((i+1)); done`,
    }
    const archive = await templateOf(wait, { resources: [resource] })
    const records = [1, 2, 3].map(() => plane.post(buildJob(), archive))
    start({ jobCountMax: 2 })
    await until(() => expect(records.filter((record) => record.acquiredBy)).toHaveLength(2))
    await beats(6)
    expect(records.filter((record) => record.acquiredBy)).toHaveLength(2)
    await writeFile(join(directory, "go"), "")
    for (const record of records) await ended(record)
  })

  test("is canceled by an update's answer", async () => {
    const archive = await templateOf({ start: `echo ready; while :; do sleep 0.1; done` })
    const record = plane.post(buildJob(), archive)
    start()
    await until(() => expect(record.lines).toHaveLength(1))
    record.canceled = true
    await ended(record)
    expect(record.fail).toMatchObject({
      canceled: true,
      error: expect.stringContaining("start.sh was canceled"),
    })
  })

  test("ends when the control plane gave the job to another daemon", async () => {
    const archive = await templateOf({ start: `echo ready; while :; do sleep 0.1; done` })
    const record = plane.post(buildJob(), archive)
    const { reports } = start()
    await until(() => expect(record.lines).toHaveLength(1))
    record.isReaped = true
    await until(() => expect(reports.join("\n")).toContain("the control plane has given it up"))
    expect(record.fail).toBeUndefined()
  })
})

describe("the control plane away", () => {
  test("a running build continues, and its log and end arrive later", async () => {
    const script = `echo before; i=0; while [ $i -lt 50 ] && ! [ -e ${directory}/go ]; do sleep 0.05; i=$((i+1)); done; echo after`
    const record = plane.post(
      buildJob(),
      await templateOf({ start: script }, { resources: [resource] }),
    )
    start()
    await until(() => expect(record.lines).toHaveLength(1))
    plane.goAway()
    await writeFile(join(directory, "go"), "")
    // The daemon keeps trying to deliver while nobody answers.
    const tried = plane.calls.length
    await until(() => expect(plane.calls.length).toBeGreaterThan(tried + 5))
    plane.comeBack()
    await ended(record)
    expect(record.complete).toBeDefined()
    expect(record.lines.map((line) => line.output)).toEqual(["before", "after"])
    const next = plane.post(importJob(), await templateOf(scripts, { resources: [resource] }))
    await ended(next)
  })

  test("is waited for when it has never answered", async () => {
    plane.goAway()
    const record = plane.post(importJob(), await templateOf(scripts))
    start()
    await until(() => expect(plane.calls.length).toBeGreaterThan(1))
    plane.comeBack()
    await ended(record)
    expect(record.complete).toBeDefined()
  })

  test("ends the build when it outlasts the lease", async () => {
    const gone = join(directory, "gone")
    const archive = await templateOf({
      start: `trap 'touch ${gone}; exit 1' INT; echo ready; while :; do sleep 0.1; done`,
    })
    const record = plane.post(buildJob(), archive)
    start({ lostMs: 300 })
    await until(() => expect(record.lines).toHaveLength(1))
    plane.goAway()
    await until(() => expect(existsSync(gone)).toBe(true))
    plane.comeBack()
    await ended(record)
    expect(record.fail?.error).toContain("start.sh was canceled")
  })
})

test("takes a job at once when the socket wakes it", async () => {
  start({ pollMs: 60_000 })
  await until(() => expect(plane.calls.filter((call) => call.startsWith("WS"))).toHaveLength(1))
  await until(() =>
    expect(plane.calls.filter((call) => call.endsWith("/acquire")).length).toBeGreaterThan(1),
  )
  const record = plane.post(importJob(), await templateOf(scripts))
  await ended(record)
})

const callsTo = (end: string) => plane.calls.filter((call) => call.endsWith(end)).length

/** Waits for so many further heartbeats: an event that comes after everything before it. */
async function beats(count: number): Promise<void> {
  const before = callsTo("/heartbeat")
  await until(() => expect(callsTo("/heartbeat")).toBeGreaterThan(before + count))
}

/** How often the queue was asked, once it is not asked any longer for six heartbeats. */
async function quietCount(): Promise<number> {
  for (let round = 0; round < 20; round++) {
    const before = callsTo("/acquire")
    await beats(6)
    if (callsTo("/acquire") === before) return before
  }
  throw new Error("The daemon keeps asking.")
}

test("asks nothing while the line is open and no job is posted", async () => {
  start({ pollMs: 20 })
  await until(() => expect(callsTo("/listen")).toBe(1))
  // The daemon asks at its start and when the line has opened. Before that it polls.
  const asked = await quietCount()
  await ended(plane.post(importJob(), await templateOf(scripts)))
  // For the job and for one after it, and once more when the job has ended.
  const askedForJob = (await quietCount()) - asked
  expect(askedForJob).toBeGreaterThanOrEqual(2)
  expect(askedForJob).toBeLessThanOrEqual(3)
})

test("polls the queue while no line can be opened", async () => {
  plane.spoilLines("refused")
  start({ pollMs: 20 })
  await until(() => expect(callsTo("/listen")).toBeGreaterThan(2))
  await ended(plane.post(importJob(), await templateOf(scripts), true))
  const asked = callsTo("/acquire")
  await until(() => expect(callsTo("/acquire")).toBeGreaterThan(asked + 3))
})

test("a line that answers no ping is replaced, and jobs posted until then are found", async () => {
  plane.spoilLines("mute")
  start({ pollMs: 60_000, silentMsMax: 500 })
  await until(() => expect(callsTo("/acquire")).toBeGreaterThanOrEqual(2))
  await ended(plane.post(importJob(), await templateOf(scripts), true))
  await until(() => expect(callsTo("/listen")).toBeGreaterThan(1))
})

test("a drain takes no further jobs and waits for the running ones", async () => {
  const archive = await templateOf(
    { start: `echo ready; sleep 0.5; echo late` },
    { resources: [resource] },
  )
  const record = plane.post(buildJob(), archive)
  const { daemon } = start()
  await until(() => expect(record.lines).toHaveLength(1))
  daemon.drain()
  const later = plane.post(buildJob(), archive)
  await daemon.done
  expect(record.complete).toBeDefined()
  expect(record.lines.at(-1)?.output).toBe("late")
  expect(later.acquiredBy).toBeUndefined()
})

test("an unknown key ends the daemon with the reason", async () => {
  const { daemon } = start({ key: "wrong" })
  await expect(daemon.done).rejects.toThrow("Provisioner key not authorized.")
})

test("a revoked key ends the daemon after its builds, with the reason", async () => {
  const archive = await templateOf({ start: `echo ready; sleep 0.3` }, { resources: [resource] })
  const record = plane.post(buildJob(), archive)
  const { daemon } = start()
  await until(() => expect(record.lines).toHaveLength(1))
  plane.revoke()
  await expect(daemon.done).rejects.toThrow("Provisioner key not authorized.")
})

test("a daemon whose row was purged registers again and takes jobs", async () => {
  start()
  await until(() => expect(plane.calls).toContain("POST /daemon-1/acquire"))
  plane.forget()
  await until(() => expect(plane.calls.filter((call) => call === "POST ")).toHaveLength(2))
  await ended(plane.post(importJob(), await templateOf(scripts)))
})

test("reports its free places after each wake-up, and misses no wake-up", async () => {
  const archive = await templateOf({ start: `echo ready; sleep 0.3` }, { resources: [resource] })
  start({ jobCountMax: 1, pollMs: 60_000 })
  await until(() => expect(plane.calls.filter((call) => call.startsWith("WS"))).toHaveLength(1))
  await until(() =>
    expect(plane.calls.filter((call) => call.endsWith("/acquire")).length).toBeGreaterThan(1),
  )
  const [first, second] = [plane.post(buildJob(), archive), plane.post(buildJob(), archive)]
  await ended(first)
  await ended(second)
  const counts = () => plane.said.map((text) => JSON.parse(text).count as number)
  // With each build's start and end it changes; the last word comes once more, of the queue that
  // was found empty.
  await until(() =>
    expect(counts().filter((count, at, all) => count !== all[at - 1])).toEqual([1, 0, 1, 0, 1]),
  )
  await until(() => expect(counts().slice(counts().lastIndexOf(0))).toEqual([0, 1, 1]))
})
