// The provisioner daemon with Terraform templates: its own time beside the tool's, its memory, and
// how late the lines of a log arrive.
//
// The daemon is the real program with a real tool, against a control plane in this process. One job
// after the other is measured for time; sixteen at once for memory and for the log.
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { rootDirectory } from "../dev/root.ts"
import { tarOf } from "../test/node/programs/provisioner/archives.ts"
import {
  type FakeControlPlane,
  type JobRecord,
  startFakeControlPlane,
} from "../test/node/programs/provisioner/fake-control-plane.ts"
import { buildJob } from "../test/node/programs/provisioner/jobs.ts"
import { findRealTools } from "../test/terraform/real-tools.ts"
import { median } from "./lib/median.ts"
import type { Result } from "./lib/report.ts"

const startCount = 10
const jobCount = 16
const jobMsMax = 120_000
const ownShareMax = 0.1
const memoryMbMax = 150
const logDelayMsMax = 2_000

const template = `terraform {
  required_providers {
    coder = { source = "coder/coder" }
  }
}
data "coder_workspace" "me" {}
data "coder_parameter" "size" {
  name    = "size"
  default = "small"
}
resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
resource "coder_app" "editor" {
  agent_id = coder_agent.main.id
  slug     = "editor"
  url      = "http://localhost:8080"
}
resource "terraform_data" "machine" {
  count = data.coder_workspace.me.start_count
  input = coder_agent.main.token
  provisioner "local-exec" {
    command = "for i in 1 2 3; do echo at=$(date +%s%3N); sleep 1; done"
  }
}
`
/** The same without the seconds of a machine that boots. */
const quick = template.replace(/ {2}provisioner[\s\S]*?\n {2}\}\n/, "")

export async function run(): Promise<Omit<Result, "bench">> {
  const found = await findRealTools()
  if ("skipped" in found) throw new Error(`This bench needs a real tool: ${found.skipped}.`)
  const plane = await startFakeControlPlane()
  const cache = mkdtempSync(join(tmpdir(), "bench-terraform-"))
  const daemon = startDaemon(plane.url, cache, found.env)
  try {
    // The first start downloads the provider into the cache.
    await build(plane, quick)
    const starts = []
    for (let index = 0; index < startCount; index++) starts.push(timesOf(await build(plane, quick)))
    const ownMs = median(starts.map((times) => times.ownMs))
    const toolMs = median(starts.map((times) => times.toolMs))
    const watch = watchMemory(daemon)
    const delays = await Promise.all(Array.from({ length: jobCount }, () => delaysOf(plane)))
    const memoryMb = watch.stop()
    const logDelayMs = Math.max(...delays.flat())
    return {
      figures: { toolMs, ownMs, memoryMb, logDelayMs, lines: delays.flat().length },
      targets: [
        { name: "own time over the tool's", value: ownMs / toolMs, atMost: ownShareMax },
        { name: `MB of the daemon with ${jobCount} jobs`, value: memoryMb, atMost: memoryMbMax },
        { name: "ms until a line arrives", value: logDelayMs, atMost: logDelayMsMax },
      ],
    }
  } finally {
    daemon.kill("SIGTERM")
    await new Promise((resolve) => {
      daemon.once("exit", resolve)
    })
    await plane.stop()
    rmSync(cache, { recursive: true, force: true })
  }
}

function startDaemon(url: string, cache: string, env: NodeJS.ProcessEnv): ChildProcess {
  const program = join(rootDirectory, "src", "programs", "provisioner", "main.ts")
  const args = [program, "--url", url, "--jobs", String(jobCount), "--cache-dir", cache]
  return spawn(process.execPath, args, {
    env: { ...env, DORMOUSE_PROVISIONER_KEY: "key" },
    stdio: "ignore",
  })
}

async function post(plane: FakeControlPlane, text: string): Promise<JobRecord> {
  const job = buildJob({ build: { agent_tokens: { main: crypto.randomUUID() } } })
  return plane.post(job, await tarOf([{ name: "main.tf", text }]))
}

async function build(plane: FakeControlPlane, text: string): Promise<JobRecord> {
  const record = await post(plane, text)
  await ended(record)
  return record
}

async function ended(record: JobRecord): Promise<void> {
  const untilMs = performance.now() + jobMsMax
  while (record.complete === undefined && record.fail === undefined) {
    if (performance.now() > untilMs) throw new Error("A job did not end.")
    await sleep(20)
  }
  if (record.fail !== undefined) throw new Error(record.fail.error)
}

/** The commands of the tool, and what passes between the first and the last of them beside that. */
function timesOf({ complete }: JobRecord): { toolMs: number; ownMs: number } {
  const rows = (complete?.timings ?? []).filter(
    ({ resource, source }) => resource === "" && source === "terraform",
  )
  const begun = rows.map((row) => Date.parse(row.started_at))
  const over = rows.map((row) => Date.parse(row.ended_at))
  const toolMs = rows.reduce((sum, _, index) => sum + (over[index] ?? 0) - (begun[index] ?? 0), 0)
  return { toolMs, ownMs: Math.max(...over) - Math.min(...begun) - toolMs }
}

/** How long after it was printed each line of a job arrived. */
async function delaysOf(plane: FakeControlPlane): Promise<number[]> {
  const record = await post(plane, template)
  const delays: number[] = []
  let seen = 0
  while (record.complete === undefined && record.fail === undefined) {
    for (const { output } of record.lines.slice(seen)) {
      const printedMs = Number(/at=(\d{13})$/.exec(output)?.[1])
      if (!Number.isNaN(printedMs)) delays.push(Date.now() - printedMs)
    }
    seen = record.lines.length
    await sleep(20)
  }
  await ended(record)
  return delays
}

/** The largest resident set of the daemon's process in MB, as Linux reports it. */
function watchMemory({ pid }: ChildProcess): { stop: () => number } {
  let peakKb = 0
  const timer = setInterval(() => {
    const [, kb = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
    peakKb = Math.max(peakKb, Number(kb))
  }, 50)
  return {
    stop() {
      clearInterval(timer)
      return peakKb / 1024
    },
  }
}
