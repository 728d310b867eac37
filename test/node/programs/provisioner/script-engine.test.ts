// The script engine on real processes: what scripts see, what they may say, how they end and are
// ended.
import { spawnSync } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import type { Build } from "../../../../src/programs/provisioner/engines/engine.ts"
import { createScriptEngine } from "../../../../src/programs/provisioner/engines/script/engine.ts"
import type { AcquiredJob } from "../../../../src/queue/jobs/protocol.ts"
import { createServerClock } from "../../../../src/programs/server-clock.ts"
import { buildJob } from "./jobs.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "script-"))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

type Run = {
  script: string
  build?: Partial<Build>
  manifest?: object
  interruptMs?: number
  cancelWhen?: (lines: string[]) => boolean
}

async function run({ script, build = {}, manifest = {}, interruptMs = 2_000, cancelWhen }: Run) {
  const transition = build.transition ?? "start"
  await writeFile(join(directory, "run.sh"), `#!/bin/sh\n${script}\n`)
  await writeFile(
    join(directory, "dormouse.json"),
    JSON.stringify({ scripts: { start: "run.sh", [transition]: "run.sh" }, ...manifest }),
  )
  const scratch = join(directory, ".scratch")
  await mkdir(scratch)
  const lines: string[] = []
  const cancel = new AbortController()
  const job: AcquiredJob = buildJob({ build })
  if (job.build === undefined) throw new Error("no build")
  const engine = createScriptEngine({
    env: { PATH: process.env["PATH"], DORMOUSE_PROVISIONER_KEY: "secret" },
    interruptMs,
  })
  const result = await engine.build(
    { directory, scratch, job, build: job.build },
    {
      log({ level, output }) {
        lines.push(`${level} ${output}`)
        if (cancelWhen?.(lines)) cancel.abort()
      },
      canceled: cancel.signal,
      clock: createServerClock(),
    },
  )
  const { timings, ...reported } = result
  return { result: reported, lines, timings }
}

const resource = {
  type: "process",
  name: "dev",
  agents: [{ name: "main", os: "linux", arch: "amd64" }],
}
const answer = (value: object) => `cat > "$DORMOUSE_OUTPUT" <<'END'\n${JSON.stringify(value)}\nEND`
const base64 = (text: string) => Buffer.from(text).toString("base64")

describe("what a script sees", () => {
  test("the workspace, its owner, parameters, variables, tokens and the whole request", async () => {
    const { lines } = await run({
      script: `echo "$DORMOUSE_TRANSITION $DORMOUSE_WORKSPACE_NAME $DORMOUSE_OWNER_USERNAME $DORMOUSE_BUILD_NUMBER"
echo "$DORMOUSE_PARAM_CPU_COUNT $DORMOUSE_VAR_REGION $DORMOUSE_AGENT_TOKEN $CODER_AGENT_TOKEN $DORMOUSE_AGENT_TOKEN_MAIN"
echo "key: $DORMOUSE_PROVISIONER_KEY."
grep -c '"cpu count"' "$DORMOUSE_REQUEST"`,
      build: {
        parameters: [{ name: "cpu count", value: "4" }],
        variables: [{ name: "region", value: "eu", sensitive: false, given: true }],
        agent_tokens: { main: "token-1" },
      },
      manifest: { resources: [resource] },
    })
    expect(lines).toEqual([
      "info start atlas ada 3",
      "info 4 eu token-1 token-1 token-1",
      "info key: .",
      "info 1",
    ])
  })

  test("the previous state, and the markers of a prebuild and a claim", async () => {
    const script = `cat "$DORMOUSE_STATE"; echo; echo "$CODER_WORKSPACE_IS_PREBUILD/$CODER_WORKSPACE_IS_PREBUILD_CLAIM"`
    const manifest = { resources: [resource] }
    const { lines } = await run({
      script,
      manifest,
      build: { state: base64("pid 7"), stage: "claim" },
    })
    expect(lines).toEqual(["info pid 7", "info /true"])
  })
})

describe("what a script answers", () => {
  test("resources and a state", async () => {
    const { result } = await run({ script: answer({ resources: [resource], state: { pid: 7 } }) })
    expect(result).toMatchObject({ ok: true, resources: [resource] })
    expect(result.state?.toString()).toBe('{"pid":7}')
  })

  test("nothing: the plan of the manifest and the state as it was; after a stop only what persists, without agents", async () => {
    const disk = {
      type: "disk",
      name: "home",
      agents: [{ name: "nas", os: "linux", arch: "amd64" }],
    }
    const manifest = { resources: [resource, { ...disk, persistent: true }] }
    const build = { state: base64("s") }
    const started = await run({ script: "true", manifest, build })
    expect(started.result).toEqual({
      ok: true,
      resources: [resource, disk],
      state: Buffer.from("s"),
      replacements: [],
    })
    await rm(join(directory, ".scratch"), { recursive: true })
    const stopped = await run({ script: "true", manifest, build: { ...build, transition: "stop" } })
    expect(stopped.result).toEqual({
      ok: true,
      resources: [{ type: "disk", name: "home" }],
      state: Buffer.from("s"),
      replacements: [],
    })
  })

  test("what it had to replace, and only as a list of resources with their attributes", async () => {
    const replacements = [{ resource: "disk.home", paths: ["size"] }, { resource: "machine.main" }]
    const told = await run({ script: answer({ resources: [resource], replacements }) })
    expect(told.result).toMatchObject({
      ok: true,
      replacements: [
        { resource: "disk.home", paths: ["size"] },
        { resource: "machine.main", paths: [] },
      ],
    })
    await rm(join(directory, ".scratch"), { recursive: true })
    const wrong = await run({
      script: answer({ resources: [resource], replacements: ["disk.home"] }),
    })
    expect(wrong.result).toMatchObject({
      ok: false,
      error: expect.stringContaining("replacements[0]"),
    })
  })

  test.each([
    ["nothing where nothing is planned", "true", "run.sh ended well but wrote no resources"],
    ["no JSON", `echo hello > "$DORMOUSE_OUTPUT"`, "run.sh wrote to $DORMOUSE_OUTPUT no JSON"],
    [
      "too much",
      `head -c 9000000 /dev/zero > "$DORMOUSE_OUTPUT"`,
      "9000000 bytes, more than the 8388608",
    ],
    ["resources of another shape", answer({ resources: [{ name: 1 }] }), "resources[0].type"],
    ["two agents of a name", answer({ resources: [resource, resource] }), "another agent is named"],
  ])("%s is an error", async (_what, script, error) => {
    const { result } = await run({ script })
    expect(result.ok ? "" : result.error).toContain(error)
  })
})

/** A zombie that nobody has waited for yet no longer runs. */
function isRunning(pid: string): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", pid], { encoding: "utf8" })
  return stdout.trim() !== "" && !stdout.startsWith("Z")
}

describe("how a script ends", () => {
  test("a failure is reported in its own words, and its state is kept", async () => {
    const script = `echo working\necho 'no disk left' >&2\n${answer({ state: "half" })}\nexit 3`
    const { result, lines } = await run({ script })
    expect(result).toEqual({
      ok: false,
      error: "run.sh exited with code 3: no disk left",
      state: Buffer.from("half"),
    })
    expect(lines).toEqual(["info working", "warn no disk left"])
  })

  test("a process that it leaves running does not hold the build", async () => {
    const manifest = { resources: [resource] }
    const { result } = await run({ script: `sleep 60 & echo $! > pid`, manifest })
    expect(result.ok).toBe(true)
    const pid = (await readFile(join(directory, "pid"), "utf8")).trim()
    expect(isRunning(pid)).toBe(true)
    process.kill(Number(pid), "SIGKILL")
  })

  test("a cancel interrupts it, and it may end in order", async () => {
    const { result, lines } = await run({
      script: `trap 'echo tidying; exit 1' INT\necho ready\nwhile :; do sleep 0.1; done`,
      cancelWhen: (lines) => lines.includes("info ready"),
    })
    expect(lines).toContain("info tidying")
    expect(result).toMatchObject({
      ok: false,
      error: expect.stringContaining("run.sh was canceled: ready"),
    })
  })

  test("one that does not listen is killed, with what it started", async () => {
    const { result } = await run({
      script: `trap '' INT\nsleep 60 & echo $! > pid\necho ready\nwhile :; do sleep 0.1; done`,
      interruptMs: 300,
      cancelWhen: (lines) => lines.includes("info ready"),
    })
    expect(result).toMatchObject({ ok: false, error: expect.stringContaining("had to be killed") })
    const pid = (await readFile(join(directory, "pid"), "utf8")).trim()
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 60_000)
  })

  test("an endless line costs two lines, its head and its last words; a NUL byte none", async () => {
    const { lines } = await run({
      script: `head -c 3000000 /dev/zero | tr '\\0' 'x'; echo ' disk full'; printf 'a\\0b\\n'; echo end`,
      manifest: { resources: [resource] },
    })
    expect(lines).toHaveLength(4)
    expect(lines[0]?.length).toBeLessThan(9_000)
    expect(lines[1]).toMatch(/^info \[cut\] x{900,1000} disk full$/)
    expect(lines[3]).toBe("info end")
  })
})
