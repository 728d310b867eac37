// One run at a time per folder, and the clean-up after a run that was killed.
//
// The processes of a killed run still hold its ports and files. The next run ends them.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { takeLock } from "./lock.ts"
import { childrenOf, isAlive, startMark } from "./table.ts"

const endMsMax = 10_000

export type RunClaim = {
  /** Records the processes that this one has started, so that the next run can end them. */
  recordChildren: () => void
  release: () => void
}

export async function claimRun(directory: string): Promise<RunClaim> {
  const lock = takeLock(join(directory, "run.lock"))
  if ("holderPid" in lock) {
    throw new Error(`Another process (${lock.holderPid}) already runs the system of ${directory}.`)
  }
  const record = join(directory, "run.children")
  await endRecorded(record)
  return {
    recordChildren: () => {
      const children = childrenOf(process.pid).map((pid) => `${pid} ${startMark(pid)}`)
      writeFileSync(record, `${children.join("\n")}\n`)
    },
    release: lock.release,
  }
}

async function endRecorded(record: string): Promise<void> {
  const left = readRecord(record).filter(
    ({ pid, mark }) => mark !== "unknown" && startMark(pid) === mark,
  )
  const alive = () => left.filter(({ pid }) => isAlive(pid))
  for (const { pid } of left) signal(pid, "SIGINT")
  const untilMs = performance.now() + endMsMax
  while (alive().length > 0 && performance.now() < untilMs) await sleep(50)
  for (const { pid } of alive()) signal(pid, "SIGQUIT")
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has already ended.
  }
}

function readRecord(record: string): { pid: number; mark: string }[] {
  try {
    return readFileSync(record, "utf8")
      .trim()
      .split("\n")
      .map((line) => {
        const [pid, mark = "unknown"] = line.split(" ")
        return { pid: Number(pid), mark }
      })
  } catch {
    return []
  }
}
