// A build: start, stop or delete of a workspace, and the claim of a prebuild.
import { join } from "node:path"
import { stateBytesMax } from "../../../../templates/manifest/state-size.ts"
import type { ReportedReplacement } from "../../../../templates/manifest/reported.ts"
import type { Build, BuildRequest, BuildResult, EngineFailure, EngineSession } from "../engine.ts"
import { buildEnv, type Env, tokenVariable } from "./environment.ts"
import type { InitQueue } from "./init-queue.ts"
import { beginJob, failureOf, type JobRun, type TerraformOptions } from "./job-run.ts"
import { createLeakWatch, type LeakWatch } from "./leaks.ts"
import { planArgs, showArgs } from "./plan-template.ts"
import { authenticatesByToken } from "./rows/agents.ts"
import { lostDisks, replacementsOf } from "./rows/changes.ts"
import { reachOfState } from "./rows/reach.ts"
import { resourceRows, type ResourceRows } from "./rows/resources.ts"
import { instancesOf, type PlanJson, type StateJson } from "./rows/show-json.ts"
import { parseState, readState, type State, stateBytesBeforeMax } from "./state.ts"
import { tokenOfRun } from "./tokens.ts"
import { StepFailed } from "./workbench.ts"

const planStage = "Planning"
const applyStages = {
  start: "Starting the workspace",
  stop: "Stopping the workspace",
  delete: "Deleting the workspace",
} as const

export async function buildWorkspace(
  options: TerraformOptions,
  inits: InitQueue,
  request: BuildRequest,
  session: EngineSession,
): Promise<BuildResult> {
  const { build } = request
  const known = stateBefore(build)
  if (!known.ok) return known
  const before = known.state
  if (build.transition === "delete" && (before === null || before.resourceCount === 0)) {
    const output = "The workspace has no resources: there is nothing to delete."
    session.log({ level: "info", stage: applyStages.delete, output })
    return { ok: true, resources: [], state: null, replacements: [] }
  }
  let run: JobRun | null = null
  try {
    run = await beginJob(options, inits, request, session, preparationOf(build, before))
    const planned = await planBuild(run, build, before)
    const applied = await apply(run, build, planned.env, before)
    if (!applied.ok) return applied
    return await report(run, build, planned, applied.state)
  } catch (error) {
    return failureOf(error, run)
  }
}

/** The state that the last build left. One of the script engine cannot be taken over. */
function stateBefore(build: Build): { ok: true; state: State | null } | EngineFailure {
  if (build.state === null || build.state === "") return { ok: true, state: null }
  const bytes = Buffer.from(build.state, "base64")
  if (bytes.length === 0) return { ok: true, state: null }
  const state = parseState(bytes)
  if (state === null) {
    const error =
      "The workspace has a state that is not Terraform's: an earlier version of its template was " +
      "of another kind. Delete the workspace with that version and create it again."
    return { ok: false, error }
  }
  if (bytes.length > stateBytesBeforeMax && build.transition !== "delete") {
    const error =
      `The workspace's state has ${bytes.length} bytes. Above ${stateBytesBeforeMax} it is not ` +
      "built any further, because a larger state could not be kept. It can be deleted."
    return { ok: false, error }
  }
  return { ok: true, state }
}

const preparationOf = (build: Build, state: State | null) => ({
  state,
  variables: build.variables.filter(({ given }) => given),
  secrets: [
    ...build.variables.filter(({ sensitive }) => sensitive).map(({ value }) => value),
    ...Object.values(build.agent_tokens),
  ],
  env: buildEnv(build),
})

type Planned = { env: Env; plan: PlanJson | null; replacements: ReportedReplacement[] }

/** Plans until the plan may be applied. Throws `StepFailed` where it may not. */
async function planBuild(run: JobRun, build: Build, before: State | null): Promise<Planned> {
  const token = tokenOfRun(build, before?.agents ?? [])
  const env = token === null ? run.env : { ...run.env, [tokenVariable]: token }
  if (build.transition === "delete") {
    await planDelete(run, env)
    return { env, plan: null, replacements: [] }
  }
  await planOnce(run, env)
  const plan = await showPlan(run, env)
  const agents = instancesOf(plan.planned_values?.root_module).filter(
    ({ type }) => type === "coder_agent",
  )
  if (token !== null && agents.filter(authenticatesByToken).length > 1) {
    // The variable would give one token to all of them.
    await planOnce(run, run.env)
    return checked(run, build, run.env, await showPlan(run, run.env))
  }
  return checked(run, build, env, plan)
}

function checked(run: JobRun, build: Build, env: Env, plan: PlanJson): Planned {
  const replacements = replacementsOf(plan)
  const isClaim = build.stage === "claim"
  if (isClaim && env[tokenVariable] === undefined && replacements.length > 0) {
    const output =
      "The agents of the claimed workspace get new tokens, so what holds one is replaced."
    run.bench.log("warn", planStage, output)
  }
  if (isClaim) {
    for (const { resource, paths } of replacements) {
      const why = paths.length === 0 ? "" : ` because of ${paths.join(", ")}`
      run.bench.log("warn", planStage, `The claim replaces ${resource}${why}.`)
    }
  }
  // A prebuild holds nothing of a person yet, so a claim may replace its disks.
  const lost = isClaim || build.allows_data_loss ? [] : lostDisks(plan)
  if (lost.length > 0) {
    throw new StepFailed(
      `The build would destroy what persists: ${lost.join(", ")}. Nothing was changed. ` +
        "To lose the data, ask for the build again with allow_data_loss.",
    )
  }
  return { env, plan, replacements }
}

const planFile = ({ request }: JobRun) => join(request.scratch, "plan")

const planOnce = (run: JobRun, env: Env, ...more: string[]) =>
  run.bench.run({
    args: [...planArgs, `-out=${planFile(run)}`, ...more],
    env,
    logStage: planStage,
    timingStage: "plan",
  })

/**
 * Without a refresh, data sources are not read: so a parameter whose value no longer fits the
 * template does not make a workspace undeletable.
 */
async function planDelete(run: JobRun, env: Env): Promise<void> {
  try {
    await planOnce(run, env, "-destroy")
  } catch (error) {
    if (!(error instanceof StepFailed) || run.session.canceled.aborted) throw error
    run.bench.log("warn", planStage, "The deletion is planned again without a refresh.")
    await planOnce(run, env, "-destroy", "-refresh=false")
  }
}

async function showPlan(run: JobRun, env: Env): Promise<PlanJson> {
  const args = [...showArgs, planFile(run)]
  const text = await run.bench.capture({ args, env, logStage: planStage, timingStage: "plan" })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the tool's documented format
  return JSON.parse(text) as PlanJson
}

/** From here on, whatever happens, the state is read and reported. */
async function apply(
  run: JobRun,
  build: Build,
  env: Env,
  before: State | null,
): Promise<{ ok: true; state: State | null } | EngineFailure> {
  const leaks = createLeakWatch()
  const { directory } = run.request
  let failed: EngineFailure | null = null
  let wasKilled = false
  try {
    await run.bench.run({
      args: ["apply", "-json", "-no-color", "-input=false", planFile(run)],
      env,
      logStage: applyStages[build.transition],
      timingStage: "apply",
      onUiLine: leaks.add,
      ...(run.session.onApply !== undefined && { onStart: run.session.onApply }),
    })
  } catch (error) {
    wasKilled = error instanceof StepFailed && error.wasKilled
    failed = failureOf(error, run)
  }
  const state = await readState(directory, before)
  for (const { token } of state?.agents ?? []) run.mask.add(token)
  if (failed === null) return { ok: true, state }
  const lost = wasKilled ? describeLeaks(leaks, state) : ""
  return { ...failed, error: failed.error + lost, ...deliverable(state) }
}

function describeLeaks(leaks: LeakWatch, state: State | null): string {
  const found = leaks.missingFrom(state)
  if (found.length === 0) return ""
  return `\nThese may exist and are in no state. Remove them by hand:\n${found.join("\n")}`
}

/** A state that is too large stays in the job's folder, which is then kept. */
const deliverable = (state: State | null) =>
  state !== null && state.bytes.length > stateBytesMax
    ? { state: null, keepsFiles: true }
    : { state: state?.bytes ?? null }

async function report(
  run: JobRun,
  build: Build,
  { env, plan, replacements }: Planned,
  state: State | null,
): Promise<BuildResult> {
  const { bench } = run
  if (build.transition === "delete") {
    return { ok: true, resources: [], state: null, replacements: [], timings: bench.timings }
  }
  if (state !== null && state.bytes.length > stateBytesMax) {
    const error =
      `The state has ${state.bytes.length} bytes, more than the ${stateBytesMax} that are kept. ` +
      "It stays in the job's folder on the provisioner's machine."
    return { ok: false, error, timings: bench.timings, ...deliverable(state) }
  }
  try {
    const logStage = applyStages[build.transition]
    const text = await bench.capture({ args: showArgs, env, logStage, timingStage: "apply" })
    const rows = rowsOf(text, plan, build)
    for (const warning of rows.warnings) bench.log("warn", logStage, warning)
    return {
      ok: true,
      resources: rows.resources,
      state: state?.bytes ?? null,
      replacements,
      timings: bench.timings,
    }
  } catch (error) {
    // What was made exists, whatever is wrong with the report of it.
    return { ...failureOf(error, run), ...deliverable(state) }
  }
}

function rowsOf(text: string, plan: PlanJson | null, { transition }: Build): ResourceRows {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the tool's documented format
  const instances = instancesOf((JSON.parse(text) as StateJson).values?.root_module)
  const managed = instances.filter(({ mode }) => mode === "managed")
  const configuration = plan?.configuration.root_module ?? {}
  return resourceRows(
    { managed, reach: reachOfState(instances), configuration },
    transition === "start",
  )
}
