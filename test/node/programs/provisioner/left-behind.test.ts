// What a daemon reports of the builds that it left behind when it was killed.
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { spawn } from "node:child_process"
import { afterEach, beforeEach, expect, test } from "vitest"
import { Refused } from "../../../../src/programs/provisioner/control-plane.ts"
import { reportLeftBehind } from "../../../../src/programs/provisioner/left-behind.ts"
import type { FailRequest } from "../../../../src/queue/jobs/protocol.ts"

const state = '{"version":4,"serial":2,"resources":[]}'
let directory: string
let endedPid: number
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "left-behind-"))
  const child = spawn("true")
  endedPid = await new Promise((resolve) => {
    child.once("exit", () => resolve(child.pid ?? 0))
  })
})
afterEach(() => rm(directory, { recursive: true, force: true }))

async function givenFolder(job: string, over: object = {}): Promise<string> {
  const folder = join(directory, `dormouse-job-${job}`)
  await mkdir(join(folder, "template"), { recursive: true })
  await writeFile(join(folder, "template", "terraform.tfstate"), state)
  const mark = { daemon: "daemon-1", job, daemonPid: endedPid, toolPid: endedPid, ...over }
  await writeFile(join(folder, "apply.json"), JSON.stringify(mark))
  return folder
}

async function report(fail: (job: string, request: FailRequest) => void = () => {}) {
  const failed: [string, FailRequest][] = []
  const lines: string[] = []
  await reportLeftBehind({
    plane: {
      async fail(_daemon, job, request) {
        fail(job, request)
        failed.push([job, request])
      },
    },
    daemon: "daemon-1",
    report: (line) => lines.push(line),
    interruptMs: 1_000,
    directory,
  })
  return { failed, lines }
}

test("a build fails with the state that its apply left, and its folder goes", async () => {
  const folder = await givenFolder("a")
  const { failed } = await report()
  expect(failed).toEqual([
    [
      "a",
      {
        error: "The provisioner was killed while it carried out the build.",
        engine: "terraform",
        state: Buffer.from(state).toString("base64"),
      },
    ],
  ])
  expect(existsSync(folder)).toBe(false)
})

test("builds of a daemon that lives, and of another daemon, are left alone", async () => {
  const folders = [
    await givenFolder("b", { daemonPid: process.pid }),
    await givenFolder("c", { daemon: "daemon-2" }),
  ]
  expect((await report()).failed).toEqual([])
  expect(folders.every((folder) => existsSync(folder))).toBe(true)
})

test("a folder is kept and named when the control plane refuses the report", async () => {
  const folder = await givenFolder("d")
  const { lines } = await report(() => {
    throw new Refused(409, "The job has already ended.")
  })
  expect(lines.join()).toContain(`${folder} is kept: 409`)
  expect(existsSync(folder)).toBe(true)
})

test("a tool that still runs is interrupted first", async () => {
  const tool = spawn("sleep", ["60"], { detached: true, stdio: "ignore" })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    tool.once("exit", (_code, signal) => resolve(signal))
  })
  await givenFolder("e", { toolPid: tool.pid })
  expect((await report()).failed).toHaveLength(1)
  expect(await ended).toBe("SIGINT")
})
