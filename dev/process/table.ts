// Facts about processes: which are alive, when one started, and its children.
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"

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

/**
 * When a process started, as the system writes it. Distinguishes it from a later one with the same
 * number. Returns "unknown" if the system does not say.
 */
export function startMark(pid: number): string {
  if (!hasProc())
    return ask(["-o", "lstart=", "-p", String(pid)])[0]?.replaceAll(/\s+/g, "-") ?? "unknown"
  return readStat(pid)?.[19] ?? "unknown"
}

export function childrenOf(parent: number): number[] {
  if (!hasProc()) {
    const rows = ask(["-A", "-o", "pid=,ppid="]).map((line) => line.split(/\s+/).map(Number))
    return rows.flatMap(([pid, of]) => (pid !== undefined && of === parent ? [pid] : []))
  }
  const all = readdirSync("/proc").map(Number).filter(Number.isInteger)
  return all.filter((pid) => Number(readStat(pid)?.[1]) === parent)
}

const hasProc = () => existsSync("/proc/self/stat")

// The fields after the program's name. The name is in parentheses, and may contain parentheses.
function readStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}

// For systems without /proc.
function ask(flags: string[]): string[] {
  try {
    const text = execFileSync("ps", flags, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
    return text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
  } catch {
    return []
  }
}
