// A lock file that only a live process holds: one left by a crash, or whose process number was given to another program, counts for nothing.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/** Takes the lock, or answers the number of the live process that holds it. */
export function takeLock(path: string): { holderPid: number } | { release: () => void } {
  mkdirSync(dirname(path), { recursive: true })
  // Two rounds: the first may find, and remove, a dead holder's file.
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

export function isAlive(pid: number): boolean {
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, "EPERM")
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code
}

function readHolder(path: string): { pid: number; mark: string } {
  try {
    const [pid, mark = ""] = readFileSync(path, "utf8").trim().split(" ")
    return { pid: Number(pid), mark }
  } catch {
    return { pid: 0, mark: "" }
  }
}

// The kernel's start time of a process tells it from a later one with the same number. Where there is no /proc, the number alone decides.
function startMark(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "unknown"
  } catch {
    return "unknown"
  }
}
