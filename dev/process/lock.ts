// A lock file that only a live process holds.
//
// A file that a crash left, or whose process number now belongs to another program, does not count.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { isAlive, isCode, startMark } from "./table.ts"

/** Takes the lock, or returns the number of the live process that holds it. */
export function takeLock(path: string): { holderPid: number } | { release: () => void } {
  mkdirSync(dirname(path), { recursive: true })
  // Two rounds: the first may find and remove the file of a process that has ended.
  for (let round = 0; round < 2; round += 1) {
    try {
      writeFileSync(path, `${process.pid} ${startMark(process.pid)}\n`, { flag: "wx" })
      return { release: () => rmSync(path, { force: true }) }
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error
    }
    const { pid, mark } = readHolder(path)
    if (isAlive(pid) && startMark(pid) === mark) return { holderPid: pid }
    rmSync(path, { force: true })
  }
  throw new Error(`Cannot take the lock ${path}.`)
}

function readHolder(path: string): { pid: number; mark: string } {
  try {
    const [pid, mark = ""] = readFileSync(path, "utf8").trim().split(" ")
    return { pid: Number(pid), mark }
  } catch {
    return { pid: 0, mark: "" }
  }
}
