// One job of the Terraform engine: its folder, its environment and its secrets, up to a finished
// `init`.
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { EngineFailure, EngineRequest, EngineSession } from "../engine.ts"
import { commonEnv, type Env, variableEnv } from "./environment.ts"
import type { InitQueue } from "./init-queue.ts"
import { TemplateError } from "./rows/template-error.ts"
import { createSecretMask, type SecretMask } from "./secrets.ts"
import type { State } from "./state.ts"
import type { ToolSearch } from "./tool.ts"
import { createWorkbench, type Command, StepFailed, type Workbench } from "./workbench.ts"
import { createLockFiles, prepareFolder } from "./working-folder.ts"

export type TerraformOptions = {
  /** The daemon's environment, from which cloud credentials come. */
  env: Readonly<Env>
  findTool: () => Promise<ToolSearch>
  /** For providers and lock files. */
  cacheDirectory: string
  interruptMs: number
}

export type JobRun = {
  request: EngineRequest
  session: EngineSession
  bench: Workbench
  mask: SecretMask
  env: Env
}

export type Preparation = {
  state: State | null
  variables: readonly { name: string; value: string }[]
  /** Values that no line of the log may show. */
  secrets: readonly string[]
  env: Env
}

const initStage = "Initializing"

/** Prepares the folder and runs `init`. Throws `StepFailed`. */
export async function beginJob(
  options: TerraformOptions,
  inits: InitQueue,
  request: EngineRequest,
  session: EngineSession,
  { state, variables, secrets, env }: Preparation,
): Promise<JobRun> {
  const search = await options.findTool()
  if (!search.ok) throw new StepFailed(search.error)
  const { tool } = search
  const { directory, job } = request
  const mask = createSecretMask()
  for (const secret of secrets) mask.add(secret)
  if (job.owner.ssh_key !== undefined) mask.add(job.owner.ssh_key.private)
  for (const { token } of state?.agents ?? []) mask.add(token)
  const providers = join(options.cacheDirectory, "providers")
  await mkdir(options.env["TF_PLUGIN_CACHE_DIR"] || providers, { recursive: true })
  await prepareFolder(directory, state)
  const bench = createWorkbench({
    tool,
    directory,
    session,
    mask,
    interruptMs: options.interruptMs,
  })
  const whole = {
    ...commonEnv(options.env, job, providers),
    ...env,
    ...variableEnv(variables, tool.product),
  }
  const run = { request, session, bench, mask, env: whole }
  await init(run, inits, join(options.cacheDirectory, "locks"))
  return run
}

async function init(
  { request, session, bench, env }: JobRun,
  inits: InitQueue,
  locks: string,
): Promise<void> {
  const { directory, job } = request
  const lockFiles = createLockFiles(locks, bench.tool.product)
  const bringsLock = await lockFiles.isIn(directory)
  const isImport = job.type === "template_version_import"
  const hasRestored =
    !bringsLock && !isImport && (await lockFiles.restore(directory, job.file_hash))
  const command: Command = {
    args: ["init", "-json", "-no-color", "-input=false"],
    env,
    logStage: initStage,
    timingStage: "init",
  }
  const attempt = () =>
    inits.run(async () => {
      if (session.canceled.aborted) throw new StepFailed("The job was canceled.")
      await bench.run(command)
    })
  try {
    await attempt().catch(async (error: unknown) => {
      if (!hasRestored || session.canceled.aborted) throw error
      bench.log(
        "warn",
        initStage,
        "The providers of the import are gone: the newest that fit are taken.",
      )
      await lockFiles.remove(directory)
      await attempt()
    })
  } catch (error) {
    throw error instanceof StepFailed ? adviseMirror(error) : error
  }
  if (isImport && !bringsLock) await lockFiles.keep(directory, job.file_hash)
}

/** A provider that cannot be had is a matter of the daemon's configuration. */
function adviseMirror(error: StepFailed): StepFailed {
  const isAbout =
    /provider/i.test(error.message) && /quer|install|download|retriev|registry/i.test(error.message)
  if (!isAbout) return error
  const advice =
    "A mirror of providers can be set in the tool's CLI configuration on the provisioner's machine."
  return new StepFailed(`${error.message}\n${advice}`, error.diagnostics, error.wasKilled)
}

/**
 * What a failed step or a template that cannot be used is for the job; other errors are thrown on.
 */
export function failureOf(error: unknown, run: JobRun | null): EngineFailure {
  if (!(error instanceof StepFailed) && !(error instanceof TemplateError)) throw error
  const message = run === null ? error.message : run.mask.hide(error.message)
  return { ok: false, error: message, timings: run?.bench.timings ?? [] }
}
