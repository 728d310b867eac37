// An import and a dry run: what a template plans, without making anything.
import { join } from "node:path"
import type { ReportedVariable } from "../../../../templates/manifest/reported.ts"
import {
  type DryRunResult,
  type EngineRequest,
  type EngineSession,
  type ImportResult,
  missingValuesError,
  requiredVariablesCode,
} from "../engine.ts"
import { declaredVariables } from "./declared-variables.ts"
import { type Env, parameterEnv } from "./environment.ts"
import type { InitQueue } from "./init-queue.ts"
import { beginJob, failureOf, type JobRun, type TerraformOptions } from "./job-run.ts"
import { dryRunRows, importPlanOf } from "./rows/import-plan.ts"
import type { PlanJson } from "./rows/show-json.ts"
import { missingVariables } from "./ui-line.ts"
import { StepFailed } from "./workbench.ts"

const stages = { start: "Planning a start", stop: "Planning a stop" } as const

export async function importTemplate(
  options: TerraformOptions,
  inits: InitQueue,
  request: EngineRequest,
  session: EngineSession,
): Promise<ImportResult> {
  let run: JobRun | null = null
  const declared = await declaredVariables(request.directory)
  try {
    const given = request.job.import?.user_variable_values ?? []
    run = await beginJob(options, inits, request, session, {
      state: null,
      variables: given,
      secrets: sensitiveValues(declared, given),
      env: {},
    })
    const start = await planFor(run, "start", {})
    const graph = await graphOf(run, {})
    const stop = await planFor(run, "stop", {})
    const { plan, warnings } = importPlanOf({ start, graph, stop })
    for (const warning of warnings) run.bench.log("warn", "Reading the plan", warning)
    return { ok: true, plan, timings: run.bench.timings }
  } catch (error) {
    const failure = failureOf(error, run)
    const missing = error instanceof StepFailed ? missingVariables(error.diagnostics) : []
    if (missing.length === 0) return failure
    return {
      ...failure,
      error: missingValuesError(missing),
      errorCode: requiredVariablesCode,
      variables: declared,
    }
  }
}

const sensitiveValues = (
  declared: readonly ReportedVariable[],
  given: readonly { name: string; value: string }[],
): string[] => {
  const sensitive = declared.filter((one) => one.sensitive)
  const names = new Set(sensitive.map(({ name }) => name))
  return [
    ...sensitive.map(({ default_value = "" }) => default_value),
    ...given.filter(({ name }) => names.has(name)).map(({ value }) => value),
  ]
}

export async function dryRun(
  options: TerraformOptions,
  inits: InitQueue,
  request: EngineRequest,
  session: EngineSession,
): Promise<DryRunResult> {
  let run: JobRun | null = null
  try {
    const { workspace_name = "", parameters = [], variables = [] } = request.job.dry_run ?? {}
    const env = {
      ...(workspace_name !== "" && { CODER_WORKSPACE_NAME: workspace_name }),
      ...parameterEnv("CODER_PARAMETER", parameters),
    }
    run = await beginJob(options, inits, request, session, {
      state: null,
      variables: variables.filter(({ given }) => given),
      secrets: variables.filter(({ sensitive }) => sensitive).map(({ value }) => value),
      env,
    })
    const plan = await planFor(run, "start", env)
    const { resources, warnings } = dryRunRows(plan, await graphOf(run, env))
    for (const warning of warnings) run.bench.log("warn", "Reading the plan", warning)
    return { ok: true, resources, timings: run.bench.timings }
  } catch (error) {
    return failureOf(error, run)
  }
}

async function planFor(
  { bench, env, request }: JobRun,
  transition: "start" | "stop",
  more: Env,
): Promise<PlanJson> {
  const file = join(request.scratch, `plan-${transition}`)
  const common = {
    env: { ...env, ...more, CODER_WORKSPACE_TRANSITION: transition },
    logStage: stages[transition],
    timingStage: "plan" as const,
  }
  await bench.run({ ...common, args: [...planArgs, `-out=${file}`] })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the tool's documented format
  return JSON.parse(await bench.capture({ ...common, args: [...showArgs, file] })) as PlanJson
}

export const planArgs = ["plan", "-json", "-no-color", "-input=false", "-refresh=true"]
export const showArgs = ["show", "-json", "-no-color"]

const graphOf = ({ bench, env }: JobRun, more: Env): Promise<string> =>
  bench.capture({
    args: ["graph", "-type=plan"],
    env: { ...env, ...more, CODER_WORKSPACE_TRANSITION: "start" },
    logStage: stages.start,
    timingStage: "graph",
  })
