// The script engine: a template's own executables start, stop and delete what a workspace is made
// of.
import { access, chmod, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Manifest } from "../../../../templates/manifest/manifest.ts"
import {
  type BuildRequest,
  type BuildResult,
  type Engine,
  type EngineSession,
  missingValuesError,
  requiredVariablesCode,
} from "../engine.ts"
import { type ProcessEnd, runProcess } from "../run-process.ts"
import { timingOf } from "../timing.ts"
import { scriptEnv, type ScriptFiles } from "./env.ts"
import { missingVariables, planOf } from "./import.ts"
import { findManifest } from "./manifest.ts"
import { plannedAfter, readScriptOutput } from "./output.ts"

/** How many of a failing script's last lines its error repeats. */
const lastLinesMax = 20
const errorLengthMax = 4_096

export type ScriptEngineOptions = {
  env: Readonly<Record<string, string | undefined>>
  /** How long a canceled script may take between the interrupt and the kill. */
  interruptMs: number
}

export function createScriptEngine(options: ScriptEngineOptions): Engine {
  return {
    async importTemplate({ directory, job }, session) {
      const found = await findManifest(directory)
      if (!found.ok) return found
      const { manifest } = found
      const missing = missingVariables(manifest, job.import?.user_variable_values ?? [])
      if (missing.length > 0) {
        return {
          ok: false,
          error: missingValuesError(missing),
          errorCode: requiredVariablesCode,
          variables: manifest.variables,
        }
      }
      const plan = planOf(manifest)
      session.log({ level: "info", stage: "Reading the manifest", output: summaryOf(manifest) })
      return { ok: true, plan }
    },
    async dryRun({ directory }) {
      const found = await findManifest(directory)
      return found.ok ? { ok: true, resources: plannedAfter(found.manifest, "start") } : found
    },
    async build(request, session) {
      const found = await findManifest(request.directory)
      if (!found.ok) return found
      const startedAt = session.clock.now()
      const result = await runBuild(options, request, found.manifest, session)
      const { transition } = request.build
      const timing = timingOf(
        session.clock,
        { stage: "apply", source: "script", action: transition },
        startedAt,
      )
      return { ...result, timings: [timing] }
    },
  }
}

/** For example `dormouse.json: 2 parameters, 0 presets, 1 resource`. */
function summaryOf({ parameters, presets, resources }: Manifest): string {
  const counts = Object.entries({
    parameter: parameters,
    preset: presets,
    resource: resources,
  }).map(([word, { length }]) => `${length} ${word}${length === 1 ? "" : "s"}`)
  return `dormouse.json: ${counts.join(", ")}`
}

async function runBuild(
  options: ScriptEngineOptions,
  request: BuildRequest,
  manifest: Manifest,
  session: EngineSession,
): Promise<BuildResult> {
  const { build, job } = request
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
      if (lastWords[stream].length > lastLinesMax) lastWords[stream].shift()
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
  { scratch, job, build }: BuildRequest,
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
  const lines = words.stderr.length > 0 ? words.stderr : words.stdout
  const head = headline(script, end)
  // The last words say what went wrong.
  const last = lines.join("\n").slice(2 + head.length - errorLengthMax)
  return last === "" ? `${head}.` : `${head}: ${last}`
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
