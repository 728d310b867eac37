/** Runs one real process: its output line by line, its end, and its forced end with everything that it started. */
import { spawn, type ChildProcess } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"

export type ProcessRequest = {
  command: string
  args: readonly string[]
  directory: string
  env: Readonly<Record<string, string | undefined>>
  onLine: (stream: "stdout" | "stderr", line: string) => void
  /** Aborted: the process is interrupted, and killed when it has not ended after `interruptMs`. */
  canceled: AbortSignal
  interruptMs: number
}

export type ProcessEnd =
  | { kind: "exited"; code: number }
  | { kind: "signaled"; signal: string }
  | { kind: "not-started"; reason: string }
  | { kind: "canceled"; wasKilled: boolean }

/** A longer line is cut: one line of a log is at most this long anyway. */
const LINE_LENGTH_MAX = 8_192
/** After the process has ended, what it left in the pipes is read for this long. A child that it left running may hold them. */
const DRAIN_MS = 250

export async function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  const child = spawn(request.command, request.args, {
    cwd: request.directory,
    env: request.env,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that a cancel reaches what it started.
    detached: true,
  })
  const outputs = [
    readLines(child, "stdout", request.onLine),
    readLines(child, "stderr", request.onLine),
  ]
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once("error", (error) => resolve({ kind: "not-started", reason: error.message }))
    child.once("exit", (code, signal) =>
      resolve(
        code === null
          ? { kind: "signaled", signal: signal ?? "unknown" }
          : { kind: "exited", code },
      ),
    )
  })

  let wasKilled = false
  let killTimer: NodeJS.Timeout | undefined
  const interrupt = () => {
    signalGroup(child, "SIGINT")
    killTimer = setTimeout(() => {
      wasKilled = true
      signalGroup(child, "SIGKILL")
    }, request.interruptMs)
  }
  if (request.canceled.aborted) interrupt()
  else request.canceled.addEventListener("abort", interrupt, { once: true })

  const end = await ended
  clearTimeout(killTimer)
  request.canceled.removeEventListener("abort", interrupt)
  await Promise.race([Promise.all(outputs.map((output) => output.closed)), sleep(DRAIN_MS)])
  for (const output of outputs) output.stop()
  if (request.canceled.aborted && end.kind !== "not-started") {
    // Whatever the process left behind does not outlive a cancel.
    signalGroup(child, "SIGKILL")
    return { kind: "canceled", wasKilled }
  }
  return end
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Nobody of the group is left.
  }
}

function readLines(
  child: ChildProcess,
  name: "stdout" | "stderr",
  onLine: ProcessRequest["onLine"],
) {
  const stream = child[name]
  if (stream === null) return { closed: Promise.resolve(), stop() {} }
  let rest = ""
  let isCut = false
  const emit = (line: string) => {
    if (!isCut) onLine(name, line.endsWith("\r") ? line.slice(0, -1) : line)
    isCut = false
  }
  const flush = () => {
    if (rest !== "") emit(rest)
    rest = ""
  }
  stream.setEncoding("utf8")
  stream.on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) emit(line.slice(0, LINE_LENGTH_MAX))
    if (rest.length <= LINE_LENGTH_MAX) return
    // The head of an endless line is shown at once and its tail dropped, so that it costs no memory.
    if (!isCut) onLine(name, `${rest.slice(0, LINE_LENGTH_MAX)} [cut]`)
    isCut = true
    rest = ""
  })
  const closed = new Promise<void>((resolve) => {
    stream.once("close", () => resolve())
    stream.once("error", () => resolve())
  })
  return {
    closed,
    stop() {
      stream.removeAllListeners("data")
      stream.destroy()
      flush()
    },
  }
}
