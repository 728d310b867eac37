// The parameter values of a build: the preset's, else the request's, the last build's, the default.
import { patternWork } from "./pattern.ts"
import { checkParameterValue, type ParameterRule } from "./value.ts"

export type ParameterDefinition = ParameterRule & {
  name: string
  mutable: boolean
  required: boolean
  ephemeral: boolean
  default_value: string
}

export type Values = ReadonlyMap<string, string>

export type ParameterSources = {
  parameters: readonly ParameterDefinition[]
  /** Values of the chosen preset. They take precedence over the request's. */
  preset: Values
  /** Values in the request. */
  given: Values
  /** Values of the workspace's last build. Empty for a first build. */
  previous: Values
  /** What the checks of patterns may cost together, by {@link patternWork}. */
  workMax?: number
}

/** About half a second. */
const workMaxDefault = 1_000_000

export type ParameterProblem = { parameter: string; detail: string }
/** `parameter`, `message` and `detail` are those of the first problem. */
export type ParameterRefusal = ParameterProblem & {
  ok: false
  message: string
  problems: readonly ParameterProblem[]
}
export type ResolvedParameters =
  | { ok: true; values: { name: string; value: string }[] }
  | ParameterRefusal

/**
 * Resolves every parameter of a version, or returns what is wrong with each. It ignores values for
 * names that the version does not have. Every parameter gets a value, so a later change of a
 * default does not affect existing workspaces.
 */
export function resolveParameters(sources: ParameterSources): ResolvedParameters {
  const values: { name: string; value: string }[] = []
  const problems: ParameterProblem[] = []
  const budget = { work: sources.workMax ?? workMaxDefault }
  for (const parameter of sources.parameters) {
    const resolved = resolveOne(parameter, sources, budget)
    if ("detail" in resolved) problems.push({ parameter: parameter.name, detail: resolved.detail })
    else values.push({ name: parameter.name, value: resolved.value })
  }
  const [first] = problems
  if (first === undefined) return { ok: true, values }
  const message = `Unable to validate parameter "${first.parameter}"`
  return { ok: false, ...first, message, problems }
}

function resolveOne(
  parameter: ParameterDefinition,
  sources: ParameterSources,
  budget: { work: number },
): { value: string } | { detail: string } {
  const { name } = parameter
  const previous = sources.previous.get(name)
  const candidate = sources.preset.get(name) ?? sources.given.get(name)
  if (
    candidate !== undefined &&
    previous !== undefined &&
    !parameter.mutable &&
    candidate !== previous
  ) {
    const why = "is not mutable, so it can't be updated after creating a workspace."
    return { detail: `Parameter "${name}" ${why}` }
  }
  if (parameter.required && candidate === undefined && previous === undefined)
    return { detail: requiredDetail }
  const carried = parameter.ephemeral ? undefined : previous
  const value = candidate ?? carried ?? parameter.default_value
  if (value === "" && !parameter.required) return { value: parameter.default_value }
  if (value === "" && parameter.required) return { detail: requiredDetail }
  budget.work -= patternWork(parameter.validation_regex, value)
  if (budget.work < 0) return { detail: "the values are too long for the template's patterns" }
  const complaint = checkParameterValue(parameter, value, previous)
  return complaint === null ? { value } : { detail: complaint }
}

const requiredDetail = "parameter value is required"
