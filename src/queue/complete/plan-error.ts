// What is wrong with the plan of an import that its tables would refuse, as a sentence.
import { patternProblem, patternSize, patternSizesMax } from "../../templates/parameters/pattern.ts"
import type { ImportPlan } from "../jobs/protocol.ts"
import { findResourceError, firstRepeated } from "./resource-rows.ts"

export function findPlanError(plan: ImportPlan): string | null {
  const parameter = firstRepeated(plan.parameters.map(({ name }) => name))
  if (parameter !== null) return `Two parameters are named ${JSON.stringify(parameter)}.`
  const pattern = findPatternError(plan)
  if (pattern !== null) return pattern
  const variable = firstRepeated(plan.variables.map(({ name }) => name))
  if (variable !== null) return `Two variables are named ${JSON.stringify(variable)}.`
  const preset = firstRepeated(plan.presets.map(({ name }) => name))
  if (preset !== null) return `Two presets are named ${JSON.stringify(preset)}.`
  if (plan.presets.filter((preset) => preset.default).length > 1)
    return "Only one preset can be the default."
  return findResourceError(plan.resources_start) ?? findResourceError(plan.resources_stop)
}

function findPatternError({ parameters }: ImportPlan): string | null {
  const patterns = parameters.map(({ name, validation_regex = "" }) => ({ name, validation_regex }))
  const size = patterns.reduce((sum, one) => sum + patternSize(one.validation_regex), 0)
  if (size > patternSizesMax) {
    return `The patterns of the parameters expand to more than ${patternSizesMax} steps together.`
  }
  for (const { name, validation_regex } of patterns) {
    const problem = patternProblem(validation_regex)
    if (problem !== null) return `The pattern of the parameter ${JSON.stringify(name)} ${problem}.`
  }
  return null
}
