// What is wrong with the plan of an import that its tables would refuse, as a sentence.
import { isPattern } from "../../templates/parameters/pattern.ts"
import type { ImportPlan } from "../jobs/protocol.ts"
import { findResourceError, firstRepeated } from "./resource-rows.ts"

export function findPlanError(plan: ImportPlan): string | null {
  const parameter = firstRepeated(plan.parameters.map(({ name }) => name))
  if (parameter !== null) return `Two parameters are named ${JSON.stringify(parameter)}.`
  const pattern = plan.parameters.find(({ validation_regex }) => !isPattern(validation_regex ?? ""))
  if (pattern !== undefined) {
    return `The parameter ${JSON.stringify(pattern.name)} is checked by what is not a regular expression.`
  }
  const variable = firstRepeated(plan.variables.map(({ name }) => name))
  if (variable !== null) return `Two variables are named ${JSON.stringify(variable)}.`
  const preset = firstRepeated(plan.presets.map(({ name }) => name))
  if (preset !== null) return `Two presets are named ${JSON.stringify(preset)}.`
  if (plan.presets.filter((preset) => preset.default).length > 1)
    return "Only one preset can be the default."
  return findResourceError(plan.resources_start) ?? findResourceError(plan.resources_stop)
}
