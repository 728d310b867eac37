// Runs one script of the workspace in a process group of its own, within its time limit.
//
// Its output becomes log lines.
import { spawn } from "node:child_process"
import { homedir } from "node:os"
import { createInterface } from "node:readline"
import type { ControlPlane, LogLine, Manifest, ManifestScript } from "./control-plane.ts"

export type ScriptResult = { exitCode: number; status: "ok" | "exit_failure" | "timed_out" }

const flushMs = 250
const linesPerCallMax = 500
/** A call that passes the control plane's limit loses more than it must: keep calls small. */
const lengthPerCallMax = 65_536
const lineLengthMax = 16_384

export async function runScript(
  plane: ControlPlane,
  manifest: Manifest,
  script: ManifestScript,
  stage: "start" | "stop",
): Promise<ScriptResult> {
  await plane.logSource(script.log_source_id, script.display_name || "Script")
  const startedAt = plane.now().toISOString()
  const child = spawn("sh", ["-c", script.script], {
    cwd: directoryOf(manifest),
    env: { ...process.env, ...manifest.environment_variables, CODER_SCRIPT_BIN_DIR: "" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  const logs = createLogSender(plane, script.log_source_id)
  for (const [stream, level] of [
    [child.stdout, "info"],
    [child.stderr, "error"],
  ] as const) {
    createInterface({ input: stream, crlfDelay: Infinity }).on("line", (line) =>
      logs.add(line, level),
    )
  }
  let isTimedOut = false
  const timeoutMs = script.timeout / 1_000_000
  const timer = timeoutMs > 0 ? setTimeout(stop, timeoutMs) : undefined
  function stop(): void {
    isTimedOut = true
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM")
    } catch {
      // It has already ended.
    }
  }
  const exitCode = await new Promise<number>((resolve) => {
    child.once("error", (error) => {
      logs.add(error.message, "error")
      resolve(127)
    })
    child.once("exit", (code) => resolve(code ?? 255))
  })
  clearTimeout(timer)
  await logs.end()
  const status = isTimedOut ? "timed_out" : exitCode === 0 ? "ok" : "exit_failure"
  await plane.scriptCompleted({
    script_id: script.id,
    started_at: startedAt,
    ended_at: plane.now().toISOString(),
    exit_code: exitCode,
    stage,
    status,
  })
  return { exitCode, status }
}

export function directoryOf(manifest: Manifest): string {
  const home = homedir()
  const { directory } = manifest
  if (directory === "") return home
  return directory.replace(/^~(?=$|\/)/, home).replace(/^\$HOME(?=$|\/)/, home)
}

/** At least one line, then as many as one call may carry. */
function countThatFits(lines: readonly LogLine[]): number {
  let length = 0
  const end = lines.findIndex((line, index) => {
    length += line.output.length
    return index === linesPerCallMax || (index > 0 && length > lengthPerCallMax)
  })
  return end === -1 ? lines.length : end
}

// Lines wait a moment for each other, so that a chatty script is a call a quarter of a second.
function createLogSender(plane: ControlPlane, sourceId: string) {
  let lines: LogLine[] = []
  let sending: Promise<unknown> = Promise.resolve()
  const timer = setInterval(send, flushMs)
  function send(): void {
    while (lines.length > 0) {
      const part = lines.splice(0, countThatFits(lines))
      sending = sending.then(() => plane.logs(sourceId, part)).catch(() => null)
    }
  }
  return {
    add(output: string, level: "info" | "error"): void {
      lines.push({
        created_at: plane.now().toISOString(),
        output: output.slice(0, lineLengthMax),
        level,
      })
    },
    async end(): Promise<void> {
      clearInterval(timer)
      send()
      await sending
      lines = []
    },
  }
}
