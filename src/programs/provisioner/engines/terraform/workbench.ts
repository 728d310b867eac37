// Runs the commands of the tool for one job, and turns what they print into log, timings and
// errors.
import type { EngineSession, Timing } from "../engine.ts"
import { captureProcess, type ProcessEnd, runProcess } from "../run-process.ts"
import { timingOf } from "../timing.ts"
import type { Env } from "./environment.ts"
import type { SecretMask } from "./secrets.ts"
import { collectTimings, type TimingStage } from "./timings.ts"
import type { Tool } from "./tool.ts"
import { type Diagnostic, errorOf, parseUiLine, toLogOutputs, type UiLine } from "./ui-line.ts"

/** A diagnostic carries the source that it points to, so one line may be long. */
const lineLengthMax = 1024 * 1024
/** `show -json` prints one line of any length. */
const outputBytesMax = 64 * 1024 * 1024
const stderrLinesMax = 20
const stderrSeenMax = 1_000
const warningsSeenMax = 1_000
const errorLengthMax = 8_192

export type WorkbenchOptions = {
  tool: Tool
  directory: string
  session: EngineSession
  mask: SecretMask
  interruptMs: number
}

export type Command = {
  args: readonly string[]
  env: Env
  /** The stage of the log. */
  logStage: string
  timingStage: TimingStage
  onUiLine?: (line: UiLine) => void
  onStart?: (pid: number) => void
}

/** A step that did not succeed. Its message is the error of the job. */
export class StepFailed extends Error {
  override name = "StepFailed"
  readonly diagnostics: readonly Diagnostic[]
  readonly wasKilled: boolean
  constructor(message: string, diagnostics: readonly Diagnostic[] = [], wasKilled = false) {
    super(message)
    this.diagnostics = diagnostics
    this.wasKilled = wasKilled
  }
}

export type Workbench = ReturnType<typeof createWorkbench>

export function createWorkbench(options: WorkbenchOptions) {
  const { tool, directory, session, mask, interruptMs } = options
  const timings: Timing[] = []
  const stderrSeen = new Set<string>()
  const warningsSeen = new Set<string>()

  /**
   * A warning about the template comes with every command, and with every mention of its subject.
   */
  function isRepeated({ diagnostic }: UiLine): boolean {
    if (diagnostic?.severity !== "warning") return false
    const key = JSON.stringify([diagnostic.summary, diagnostic.detail, diagnostic.at])
    if (warningsSeen.has(key)) return true
    if (warningsSeen.size < warningsSeenMax) warningsSeen.add(key)
    return false
  }

  function log(level: UiLine["level"], stage: string, output: string): void {
    session.log({ level, stage, output: mask.hide(output) })
  }

  /**
   * Lines of standard error, each once a job: a warning about the configuration comes with every
   * command.
   */
  function onStderr(stage: string, tail: string[]) {
    return (line: string) => {
      const output = line.replace(/^[╷│╵]\s*/, "").trimEnd()
      if (output === "") return
      tail.push(output)
      if (tail.length > stderrLinesMax) tail.shift()
      if (stderrSeen.has(output) || stderrSeen.size >= stderrSeenMax) return
      stderrSeen.add(output)
      log("warn", stage, output)
    }
  }

  const processOf = ({ args, env, onStart }: Command) => ({
    ...(onStart !== undefined && { onStart }),
    command: tool.path,
    args,
    directory,
    env,
    canceled: session.canceled,
    interruptMs,
  })

  function check(
    end: ProcessEnd,
    command: Command,
    diagnostics: Diagnostic[],
    tail: string[],
  ): void {
    // An interrupted command may end with 0, so the signal is asked and not the exit code.
    if (session.canceled.aborted) {
      const wasKilled = end.kind === "canceled" && end.wasKilled
      const how = wasKilled ? "was canceled and had to be killed" : "was canceled"
      throw new StepFailed(`${nameOf(command)} ${how}.`, diagnostics, wasKilled)
    }
    if (end.kind === "exited" && end.code === 0) return
    const complaint = errorOf(diagnostics) ?? tail.join("\n")
    const words = complaint === "" ? `${nameOf(command)} ${describeEnd(end)}.` : complaint
    const wasKilled = end.kind === "signaled"
    throw new StepFailed(mask.hide(words).slice(0, errorLengthMax), diagnostics, wasKilled)
  }

  const nameOf = ({ args }: Command) => `${tool.product} ${args[0] ?? ""}`

  async function timed<T>(command: Command, work: () => Promise<T>): Promise<T> {
    const startedAt = session.clock.now()
    try {
      return await work()
    } finally {
      const action = command.args[0] ?? ""
      const row = { stage: command.timingStage, source: "terraform", action }
      timings.push(timingOf(session.clock, row, startedAt))
    }
  }

  return {
    tool,
    timings,
    log,
    /** Runs a command that prints a line for each event. Throws `StepFailed`. */
    run(command: Command): Promise<void> {
      return timed(command, async () => {
        const diagnostics: Diagnostic[] = []
        const tail: string[] = []
        const readStderr = onStderr(command.logStage, tail)
        const collector = collectTimings(
          command.timingStage,
          (timestamp) => session.clock.fromOwnTime(timestamp)?.toISOString() ?? timestamp,
        )
        const end = await runProcess({
          ...processOf(command),
          lineLengthMax,
          onLine(stream, text) {
            if (stream === "stderr") return readStderr(text)
            const line = parseUiLine(text)
            if (line === null) {
              if (text.trim() !== "") log("info", command.logStage, text)
              return
            }
            if (line.diagnostic !== null) diagnostics.push(line.diagnostic)
            // An error may come as a line without a diagnostic.
            else if (line.level === "error") diagnostics.push(plainError(line.message))
            collector.add(line)
            command.onUiLine?.(line)
            if (isRepeated(line)) return
            for (const { level, output } of toLogOutputs(line)) log(level, command.logStage, output)
          },
        })
        timings.push(...collector.timings())
        check(end, command, diagnostics, tail)
      })
    },
    /** Runs a command for all that it prints. Throws `StepFailed`. */
    capture(command: Command): Promise<string> {
      return timed(command, async () => {
        const tail: string[] = []
        const readStderr = onStderr(command.logStage, tail)
        const request = {
          ...processOf(command),
          onLine: (_: string, text: string) => readStderr(text),
        }
        const { end, output } = await captureProcess(request, outputBytesMax)
        check(end, command, [], tail)
        if (output === null) {
          throw new StepFailed(`${nameOf(command)} printed more than ${outputBytesMax} bytes.`)
        }
        return output.toString("utf8")
      })
    },
  }
}

const plainError = (message: string): Diagnostic => ({
  severity: "error",
  summary: message.replace(/^Error: /, ""),
  detail: "",
  at: null,
  code: "",
})

function describeEnd(end: ProcessEnd): string {
  switch (end.kind) {
    case "exited":
      return `exited with code ${end.code}`
    case "signaled":
      return `was ended by ${end.signal}`
    case "not-started":
      return `could not be started (${end.reason})`
    case "canceled":
      return "was canceled"
    default:
      return end satisfies never
  }
}
