// A command that is ended by a signal leaves no process behind.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { childrenOf } from "../../dev/process/table.ts"

const root = join(import.meta.dirname, "..", "..")

/** The children of a process, their children, and so on. */
function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid)
  return children.concat(children.flatMap(descendantsOf))
}

/** A process that has ended and waits to be collected does not run. */
function runs(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

// Other systems do not say which program a process runs.
test.skipIf(!existsSync("/proc/self/stat")).each([
  ["a bench", ["bench/run.ts", "tick"]],
  ["the demo", ["dev/demo/main.ts"]],
])("%s that receives SIGTERM ends what it has started", async (_, args) => {
  const command = spawn(process.execPath, args, { cwd: root, stdio: "ignore" })
  const pid = command.pid ?? 0
  const ended = once(command, "exit")
  // PostgreSQL is the first thing that both start.
  await expect
    .poll(() => descendantsOf(pid).some((child) => programOf(child).includes("postgres")))
    .toBe(true)
  const started = descendantsOf(pid)
  command.kill("SIGTERM")
  await ended
  expect(started.length).toBeGreaterThan(0)
  await expect.poll(() => started.filter(runs)).toEqual([])
})

function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch {
    return ""
  }
}
