// One run at a time per folder, and the clean-up after a run that was killed.
//
// The processes of a killed run still hold its ports and files. The next run ends them.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { endProcesses, knownChildren, type KnownProcess } from "./end.ts"
import { takeLock } from "./lock.ts"

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
  await endProcesses(readRecord(record))
  return {
    recordChildren: () => {
      const children = knownChildren().map(({ pid, mark }) => `${pid} ${mark}`)
      writeFileSync(record, `${children.join("\n")}\n`)
    },
    release: lock.release,
  }
}

function readRecord(record: string): KnownProcess[] {
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
