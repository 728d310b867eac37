// Runs one real process: its output, its end, and its forced end with everything that it started.
import { type ChildProcess, spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"

export type ProcessRequest = {
  command: string
  args: readonly string[]
  directory: string
  env: Readonly<Record<string, string | undefined>>
  onLine: (stream: "stdout" | "stderr", line: string) => void
  /** A longer line is shown up to here and its tail dropped, so that it costs no memory. */
  lineLengthMax?: number
  /** Aborted: the process is interrupted, and killed when it has not ended after `interruptMs`. */
  canceled: AbortSignal
  interruptMs: number
  /** Called once with the id of the process, which is that of its group as well. */
  onStart?: (pid: number) => void
}

export type ProcessEnd =
  | { kind: "exited"; code: number }
  | { kind: "signaled"; signal: string }
  | { kind: "not-started"; reason: string }
  | { kind: "canceled"; wasKilled: boolean }

const lineLengthUsual = 8_192
/** What is shown of the end of a longer line. */
const tailLength = 1_000
/**
 * After the process has ended, what it left in the pipes is read for this long. A child that it
 * left running may hold them.
 */
const drainMs = 250

/** Hands each line of both outputs to `onLine`. */
export function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  return run(request, (child) => readLines(child, "stdout", request), drainMs)
}

export type Capture = {
  end: ProcessEnd
  /** Null where it was longer than allowed. */ output: Buffer | null
}

/** Collects the whole standard output; `onLine` gets the lines of standard error. */
export async function captureProcess(request: ProcessRequest, bytesMax: number): Promise<Capture> {
  const chunks: Buffer[] = []
  let bytes = 0
  const collect = (child: ChildProcess): Reader => {
    child.stdout?.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bytesMax) chunks.push(chunk)
      else chunks.length = 0
    })
    return { closed: closeOf(child.stdout), stop: () => child.stdout?.destroy() }
  }
  // Nothing but the process itself writes here, so that the end of the stream is waited for.
  const end = await run(request, collect, request.interruptMs)
  return { end, output: bytes <= bytesMax ? Buffer.concat(chunks) : null }
}

type Reader = { closed: Promise<void>; stop: () => void }

async function run(
  request: ProcessRequest,
  readStdout: (child: ChildProcess) => Reader,
  drainMs: number,
): Promise<ProcessEnd> {
  const child = spawn(request.command, request.args, {
    cwd: request.directory,
    env: request.env,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that a cancel reaches what it started.
    detached: true,
  })
  if (child.pid !== undefined) request.onStart?.(child.pid)
  const outputs = [readStdout(child), readLines(child, "stderr", request)]
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
  const drained = new AbortController()
  await Promise.race([
    Promise.all(outputs.map((output) => output.closed)),
    sleep(drainMs, undefined, { signal: drained.signal }).catch(() => undefined),
  ])
  drained.abort()
  for (const output of outputs) output.stop()
  if (request.canceled.aborted && end.kind !== "not-started") {
    // What the process left behind does not outlive a cancel.
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
    // No process of the group is left.
  }
}

function readLines(
  child: ChildProcess,
  name: "stdout" | "stderr",
  { onLine, lineLengthMax = lineLengthUsual }: ProcessRequest,
): Reader {
  const stream = child[name]
  if (stream === null) return { closed: Promise.resolve(), stop() {} }
  let rest = ""
  let isCut = false
  // The head of an endless line is shown at once, and its last words when it ends.
  const showHead = (text: string) => {
    if (!isCut) onLine(name, `${text.slice(0, lineLengthMax)} [cut]`)
    isCut = true
  }
  const emit = (line: string) => {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line
    if (text.length > lineLengthMax) showHead(text)
    onLine(name, isCut ? `[cut] ${text.slice(-tailLength)}` : text)
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
    for (const line of lines) emit(line)
    if (rest.length <= lineLengthMax) return
    showHead(rest)
    rest = rest.slice(-tailLength)
  })
  return {
    closed: closeOf(stream),
    stop() {
      stream.removeAllListeners("data")
      stream.destroy()
      flush()
    },
  }
}

function closeOf(stream: ChildProcess["stdout"]): Promise<void> {
  if (stream === null) return Promise.resolve()
  return new Promise((resolve) => {
    stream.once("close", () => resolve())
    stream.once("error", () => resolve())
  })
}
