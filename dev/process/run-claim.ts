// One run at a time over a folder, and what a run that was killed has left: its processes still hold its ports and files, and are ended
// by the next one.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { takeLock } from "./lock.ts"
import { childrenOf, isAlive, startMark } from "./table.ts"

const endMsMax = 10_000

export type RunClaim = {
  /** Writes down the processes that this one has started, for the next run to find if this one is killed. */
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
    // It went by itself meanwhile.
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
