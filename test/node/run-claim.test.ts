// A folder is run by one process at a time, and a run that was killed leaves nothing that holds up the next.
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

/** A run that starts a child, writes it down and is killed. Returns the number of the child, which lives on. */
async function killedRun(): Promise<number> {
  const program = `
    import { spawn } from "node:child_process"
    import { claimRun } from ${claimModule}
    const claim = await claimRun(${JSON.stringify(directory)})
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" })
    claim.recordChildren()
    process.stdout.write(String(child.pid), () => process.kill(process.pid, "SIGKILL"))`
  const run = spawn(process.execPath, ["--input-type=module", "-e", program])
  let output = ""
  run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
  await once(run, "close")
  return Number(output)
}

test("what a killed run has started is ended by the next, before that chooses its ports", async () => {
  const orphan = await killedRun()
  expect(isAlive(orphan)).toBe(true)
  const claim = await claimRun(directory)
  expect(isAlive(orphan)).toBe(false)
  claim.release()
})

test("a process that only has the number of one of them is left alone", async () => {
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

test("a second run of the same folder is refused, and what the first has started runs on", async () => {
  const claim = await claimRun(directory)
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
  claim.recordChildren()
  await expect(claimRun(directory)).rejects.toThrow(`Another process (${process.pid}) already runs`)
  expect(child.signalCode).toBeNull()
  claim.release()
  child.kill("SIGKILL")
  await once(child, "exit")
})
