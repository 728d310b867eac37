// Builds that an earlier life of this daemon left behind when it was killed during an apply.
//
// The folder of such a build holds the only record of what was made. A daemon that starts again
// reports it, so that the next build knows of it.
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { ControlPlane } from "./control-plane.ts"
import { parseState, stateName } from "./engines/terraform/state.ts"

export const jobFolderPrefix = "dormouse-job-"
const markName = "apply.json"
const error = "The provisioner was killed while it carried out the build."
const pollMs = 200

type Mark = { daemon: string; job: string; daemonPid: number; toolPid: number }

/** Marks a job's folder as one whose apply has begun. */
export const markApply = (folder: string, mark: Omit<Mark, "daemonPid">): Promise<void> =>
  writeFile(join(folder, markName), JSON.stringify({ ...mark, daemonPid: process.pid }))

export type LeftBehind = {
  plane: Pick<ControlPlane, "fail">
  daemon: string
  report: (line: string) => void
  interruptMs: number
  /** Where folders of jobs are made. */
  directory?: string
}

/** Reports what is left of this daemon's builds. A folder whose report is refused is kept. */
export async function reportLeftBehind(context: LeftBehind): Promise<void> {
  const directory = context.directory ?? tmpdir()
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((name) => name.startsWith(jobFolderPrefix))) {
    const folder = join(directory, name)
    const mark = await readMark(folder)
    // Of a daemon that lives, this one included, or of one with another key.
    if (mark === null || mark.daemon !== context.daemon || isAlive(mark.daemonPid)) continue
    await endTool(mark.toolPid, context.interruptMs)
    await deliver(context, folder, mark.job)
  }
}

async function deliver({ plane, daemon, report }: LeftBehind, folder: string, job: string) {
  const bytes = await readFile(join(folder, "template", stateName)).catch(() => null)
  const state = bytes === null ? null : parseState(bytes)
  try {
    await plane.fail(daemon, job, {
      error,
      engine: "terraform",
      ...(state !== null && { state: state.bytes.toString("base64") }),
    })
    report(`job ${job}: reported as failed, since it was running when this daemon was killed`)
    await rm(folder, { recursive: true, force: true })
  } catch (refused) {
    const why = refused instanceof Error ? refused.message : String(refused)
    report(`job ${job}: it was running when this daemon was killed; ${folder} is kept: ${why}`)
  }
}

/** The tool outlives its daemon. It is interrupted once, so that it writes its state. */
async function endTool(pid: number, interruptMs: number): Promise<void> {
  signalGroup(pid, "SIGINT")
  const untilMs = performance.now() + interruptMs
  while (isAlive(pid)) {
    if (performance.now() > untilMs) return signalGroup(pid, "SIGKILL")
    await sleep(pollMs)
  }
}

async function readMark(folder: string): Promise<Mark | null> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `markApply`
    return JSON.parse(await readFile(join(folder, markName), "utf8")) as Mark
  } catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended.
  }
}
