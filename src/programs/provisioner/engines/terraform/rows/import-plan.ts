// The plan of a version: what its two plans, for a start and for a stop, say of its workspaces.
import { findScheduleConflict } from "../../../../../schedule/schedule-overlap.ts"
import type { ImportPlan } from "../../../../../queue/jobs/protocol.ts"
import type { ReportedPreset } from "../../../../../templates/manifest/reported.ts"
import { configResources } from "./configuration.ts"
import { parameterRows } from "./parameters.ts"
import { presetRows, tagRows } from "./presets.ts"
import { type Reach, reachOfGraph } from "./reach.ts"
import { resourceRows, type ResourceRows } from "./resources.ts"
import { instancesOf, type PlanJson } from "./show-json.ts"
import { TemplateError } from "./template-error.ts"
import { unsupportedKinds } from "./unsupported.ts"
import { variableRows } from "./variables.ts"

export type ImportInput = {
  start: PlanJson
  /** The text of `graph -type=plan`. Its nodes are not expanded, so it holds for a stop as well. */
  graph: string
  stop: PlanJson
}

/** Throws `TemplateError` where the template cannot become a version. */
export function importPlanOf({ start, graph, stop }: ImportInput): {
  plan: ImportPlan
  warnings: string[]
} {
  checkSources(start)
  const { configuration } = start
  const reach = reachOfGraph(graph)
  const dataSources = dataSourcesOf(start)
  const parameters = parameterRows(dataSources)
  refuseRepeated("parameters", parameters)
  const presets = presetRows(dataSources)
  checkPresets(presets)
  const ofStart = plannedRows(start, reach, true)
  const ofStop = plannedRows(stop, reach, false)
  return {
    plan: {
      parameters,
      presets,
      variables: variableRows(configuration.root_module),
      resources_start: ofStart.resources,
      resources_stop: ofStop.resources,
      tags: tagRows(dataSources),
      has_external_agent: configResources(configuration.root_module).some(
        ({ resource }) => resource.mode === "managed" && resource.type === "coder_external_agent",
      ),
    },
    warnings: [...ofStart.warnings, ...unsupportedKinds(start)],
  }
}

/** The resources of a dry run, for the values that it was given. */
export function dryRunRows(plan: PlanJson, graph: string): ResourceRows {
  checkSources(plan)
  return plannedRows(plan, reachOfGraph(graph), true)
}

function plannedRows(plan: PlanJson, reach: Reach, isRunning: boolean): ResourceRows {
  const managed = instancesOf(plan.planned_values?.root_module).filter(
    ({ mode }) => mode === "managed",
  )
  return resourceRows({ managed, reach, configuration: plan.configuration.root_module }, isRunning)
}

const dataSourcesOf = (plan: PlanJson) =>
  instancesOf(plan.prior_state?.values?.root_module).filter(({ mode }) => mode === "data")

const sourceTypes = new Set(["coder_parameter", "coder_workspace_preset", "coder_workspace_tags"])

/**
 * What a version offers must be known before anything is made. A source that waits for an apply is
 * not.
 */
function checkSources({ resource_changes = [] }: PlanJson): void {
  const deferred = resource_changes.find(
    ({ mode, type, change }) =>
      mode === "data" && sourceTypes.has(type) && change.actions.includes("read"),
  )
  if (deferred === undefined) return
  throw new TemplateError(
    `${deferred.address} depends on a value that is known only after something has been made. ` +
      "Parameters, presets and tags must be known while planning.",
  )
}

function refuseRepeated(what: string, rows: readonly { name: string }[]): void {
  const seen = new Set<string>()
  for (const { name } of rows) {
    if (seen.has(name)) throw new TemplateError(`Two ${what} are named ${JSON.stringify(name)}.`)
    seen.add(name)
  }
}

function checkPresets(presets: readonly ReportedPreset[]): void {
  refuseRepeated("presets", presets)
  const defaults = presets.filter((preset) => preset.default)
  if (defaults.length > 1) {
    const names = defaults.map(({ name }) => JSON.stringify(name)).join(" and ")
    throw new TemplateError(`Only one preset can be the default, but ${names} are.`)
  }
  for (const { name, prebuilds } of presets) {
    const schedule = prebuilds?.scheduling?.schedule ?? []
    const conflict = findScheduleConflict(schedule.map(({ cron }) => cron))
    if (conflict === null) continue
    const [first, second] = conflict.pair
    const why = conflict.error ?? `overlaps ${JSON.stringify(schedule[first]?.cron)}`
    throw new TemplateError(
      `The preset ${JSON.stringify(name)}: the schedule ${JSON.stringify(schedule[second]?.cron)} ${why}.`,
    )
  }
}
