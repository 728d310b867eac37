// A folder is run by one process at a time, and a killed run does not hold up the next.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, test } from "vitest"
import { isAlive } from "../../dev/process/table.ts"
import { claimRun } from "../../dev/process/run-claim.ts"

const directory = mkdtempSync(join(tmpdir(), "dormouse-run-test-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const claimModule = JSON.stringify(join(import.meta.dirname, "../../dev/process/run-claim.ts"))

/**
 * A run that starts a child, records it and is killed. Returns the pid of the child, which still
 * runs.
 */
async function killedRun(): Promise<number> {
  const program = `
    import { spawn } from "node:child_process"
    import { claimRun } from ${claimModule}
    const claim = await claimRun(${JSON.stringify(directory)})
    const idle = ["-e", "setInterval(() => {}, 1000)"]
    const child = spawn(process.execPath, idle, { detached: true, stdio: "ignore" })
    claim.recordChildren()
    process.stdout.write(String(child.pid), () => process.kill(process.pid, "SIGKILL"))`
  const run = spawn(process.execPath, ["--input-type=module", "-e", program])
  let output = ""
  run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
  await once(run, "close")
  return Number(output)
}

test("a run ends the children of a killed one before it chooses ports", async () => {
  const orphan = await killedRun()
  expect(isAlive(orphan)).toBe(true)
  const claim = await claimRun(directory)
  expect(isAlive(orphan)).toBe(false)
  claim.release()
})

test("a process that merely reuses the number of a child is left alone", async () => {
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
  writeFileSync(
    join(directory, "run.children"),
    `${other.pid} 1\n${other.pid} unknown\n${other.pid}\ngarbage\n`,
  )
  const claim = await claimRun(directory)
  expect(other.exitCode).toBeNull()
  expect(other.signalCode).toBeNull()
  claim.release()
  other.kill("SIGKILL")
  await once(other, "exit")
})

test("a second run of a folder is rejected, and the first keeps running", async () => {
  const claim = await claimRun(directory)
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
  claim.recordChildren()
  await expect(claimRun(directory)).rejects.toThrow(`Another process (${process.pid}) already runs`)
  expect(child.signalCode).toBeNull()
  claim.release()
  child.kill("SIGKILL")
  await once(child, "exit")
})
