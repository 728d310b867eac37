// The parameter values of a build: the preset's, else the request's, the last build's, the default.
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
}

export type ParameterRefusal = { ok: false; parameter: string; message: string; detail: string }
export type ResolvedParameters =
  | { ok: true; values: { name: string; value: string }[] }
  | ParameterRefusal

/**
 * Resolves every parameter of a version, or returns the first complaint. It ignores values for
 * names
 * that the version does not have. Every parameter gets a value, so a later change of a default does
 * not affect existing workspaces.
 */
export function resolveParameters(sources: ParameterSources): ResolvedParameters {
  const values: { name: string; value: string }[] = []
  for (const parameter of sources.parameters) {
    const resolved = resolveOne(parameter, sources)
    if ("detail" in resolved) return refuse(parameter.name, resolved.detail)
    values.push({ name: parameter.name, value: resolved.value })
  }
  return { ok: true, values }
}

function resolveOne(
  parameter: ParameterDefinition,
  sources: ParameterSources,
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
    return {
      detail: `Parameter "${name}" is not mutable, so it can't be updated after creating a workspace.`,
    }
  }
  if (parameter.required && candidate === undefined && previous === undefined)
    return { detail: requiredDetail }
  const carried = parameter.ephemeral ? undefined : previous
  const value = candidate ?? carried ?? parameter.default_value
  if (value === "" && !parameter.required) return { value: parameter.default_value }
  if (value === "" && parameter.required) return { detail: requiredDetail }
  const complaint = checkParameterValue(parameter, value, previous)
  return complaint === null ? { value } : { detail: complaint }
}

const requiredDetail = "parameter value is required"

const refuse = (parameter: string, detail: string): ParameterRefusal => ({
  ok: false,
  parameter,
  message: `Unable to validate parameter "${parameter}"`,
  detail,
})
