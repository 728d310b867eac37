/** The script engine: a template's own executables start, stop and delete whatever the workspace is made of. */
import { access, chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Engine, EngineRequest, EngineResult, EngineSession } from "./engine.ts"
import { runProcess, type ProcessEnd } from "./run-process.ts"
import { scriptEnv, type ScriptFiles } from "./script-env.ts"
import { plannedAfter, readScriptOutput } from "./script-output.ts"

/** How much of a failing script's last words its error repeats. */
const LAST_LINES_MAX = 20
const ERROR_LENGTH_MAX = 4_096

export type ScriptEngineOptions = {
  env: Readonly<Record<string, string | undefined>>
  /** What a canceled script gets between the interrupt and the kill. */
  interruptMs: number
}

export function createScriptEngine(options: ScriptEngineOptions): Engine {
  return { build: (request, session) => build(options, request, session) }
}

async function build(
  options: ScriptEngineOptions,
  request: EngineRequest,
  session: EngineSession,
): Promise<EngineResult> {
  const { manifest, build, job } = request
  const { transition } = build
  const script = manifest.scripts[transition]
  const before = build.state === null ? null : Buffer.from(build.state, "base64")
  if (script === undefined) {
    session.log({
      level: "info",
      stage: transition,
      output: `The template has no ${transition} script.`,
    })
    return {
      ok: true,
      resources: plannedAfter(manifest, transition),
      state: transition === "delete" ? null : before,
      replacements: [],
    }
  }
  const path = join(request.directory, script)
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (!isThere) return { ok: false, error: `The archive has no ${script}.`, state: null }
  await chmod(path, 0o755)
  const files = await prepareFiles(request, before)

  const lastWords: { stdout: string[]; stderr: string[] } = { stdout: [], stderr: [] }
  const end = await runProcess({
    command: path,
    args: [],
    directory: request.directory,
    env: scriptEnv(options.env, job, build, files),
    onLine(stream, output) {
      session.log({ level: stream === "stdout" ? "info" : "warn", stage: transition, output })
      if (output.trim() === "") return
      lastWords[stream].push(output)
      if (lastWords[stream].length > LAST_LINES_MAX) lastWords[stream].shift()
    },
    canceled: session.canceled,
    interruptMs: options.interruptMs,
  })

  const output = await readScriptOutput(files.output, script)
  const stateAfterFailure = output.ok && output.state !== undefined ? output.state : null
  if (end.kind !== "exited" || end.code !== 0) {
    return { ok: false, error: describeEnd(script, end, lastWords), state: stateAfterFailure }
  }
  if (!output.ok) return { ok: false, error: output.error, state: null }
  if (transition === "start" && output.resources === null && manifest.resources.length === 0) {
    const error = `${script} ended well but wrote no resources to $DORMOUSE_OUTPUT, and the manifest plans none.`
    return { ok: false, error, state: stateAfterFailure }
  }
  return {
    ok: true,
    resources: output.resources ?? plannedAfter(manifest, transition),
    state: transition === "delete" ? null : (output.state ?? before),
    replacements: output.replacements,
  }
}

async function prepareFiles(
  { scratch, job, build }: EngineRequest,
  state: Buffer | null,
): Promise<ScriptFiles> {
  const files = {
    request: join(scratch, "request.json"),
    output: join(scratch, "output.json"),
    state: join(scratch, "state"),
  }
  const { state: _, ...rest } = build
  const mode = 0o600
  await writeFile(
    files.request,
    JSON.stringify({ ...rest, organization: job.organization, template: job.template }),
    {
      mode,
    },
  )
  await writeFile(files.state, state ?? "", { mode })
  await writeFile(files.output, "", { mode })
  return files
}

function describeEnd(
  script: string,
  end: ProcessEnd,
  words: { stdout: string[]; stderr: string[] },
): string {
  const said = words.stderr.length > 0 ? words.stderr : words.stdout
  return `${headline(script, end)}${said.length > 0 ? `: ${said.join("\n")}` : "."}`.slice(
    0,
    ERROR_LENGTH_MAX,
  )
}

function headline(script: string, end: ProcessEnd): string {
  switch (end.kind) {
    case "exited":
      return `${script} exited with code ${end.code}`
    case "signaled":
      return `${script} was ended by ${end.signal}`
    case "not-started":
      return `${script} could not be started (${end.reason})`
    case "canceled":
      return end.wasKilled
        ? `${script} was canceled and had to be killed`
        : `${script} was canceled`
    default:
      return end satisfies never
  }
}
