// The program itself, as `npm run provisioner` starts it: its flags, its signals, its exit.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test, vi } from "vitest"
import { readOptions } from "../../../../src/programs/provisioner/options.ts"
import { templateOf } from "./archives.ts"
import { startFakeControlPlane } from "./fake-control-plane.ts"
import { buildJob } from "./jobs.ts"

const program = fileURLToPath(
  new URL("../../../../src/programs/provisioner/main.ts", import.meta.url),
)
const env = { DORMOUSE_URL: "https://x.test", DORMOUSE_PROVISIONER_KEY: "key" }

test("a SIGTERM drains: the running build ends, the program exits with 0", async () => {
  const plane = await startFakeControlPlane()
  const cache = await mkdtemp(join(tmpdir(), "program-"))
  const resources = [{ type: "process", name: "dev" }]
  const archive = await templateOf({ start: "echo ready; sleep 0.7; echo late" }, { resources })
  const record = plane.post(buildJob(), archive)
  const child = spawn(
    process.execPath,
    [program, "--name", "test", "--jobs", "1", "--cache-dir", cache],
    {
      env: { ...process.env, DORMOUSE_URL: plane.url, DORMOUSE_PROVISIONER_KEY: "key" },
      stdio: "ignore",
    },
  )
  const exit = once(child, "exit")
  await vi.waitFor(() => expect(record.lines).toHaveLength(1), 60_000)
  child.kill("SIGTERM")
  expect((await exit)[0]).toBe(0)
  expect(record.complete).toBeDefined()
  expect(record.lines.at(-1)?.output).toBe("late")
  await plane.stop()
  await rm(cache, { recursive: true, force: true })
})

test.each([
  [[], {}, "DORMOUSE_URL"],
  [[], { DORMOUSE_URL: "ftp://x" }, "DORMOUSE_URL"],
  [[], { DORMOUSE_URL: "https://x.test" }, "DORMOUSE_PROVISIONER_KEY is not set"],
  [["--jobs", "0"], env, "--jobs"],
  [["--tag", "zone"], env, "is not KEY=VALUE"],
  [["--colour", "red"], env, "colour"],
])("%j with %j is refused with a sentence", (args, given, error) => {
  const reading = readOptions(args, given)
  expect(reading.ok ? "" : reading.error).toContain(error)
})

test("flags go before the environment", () => {
  const reading = readOptions(["--name", "a", "--jobs", "7", "--tag", "zone=a=b"], {
    ...env,
    DORMOUSE_PROVISIONER_NAME: "b",
  })
  expect(reading).toMatchObject({
    ok: true,
    options: { name: "a", jobCountMax: 7, tags: { zone: "a=b" } },
  })
})
