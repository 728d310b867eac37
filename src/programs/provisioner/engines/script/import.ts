// The plan of a version of scripts: what its manifest says.
import type { ImportPlan } from "../../../../queue/jobs/protocol.ts"
import type { Manifest } from "../../../../templates/manifest/manifest.ts"
import { externalAgentType } from "../../../../templates/manifest/reported.ts"
import { plannedAfter } from "./output.ts"

type NamedValue = { name: string; value: string }

/** The required variables for which neither the manifest nor the author has a value. */
export function missingVariables(manifest: Manifest, userValues: readonly NamedValue[]): string[] {
  const given = new Map(userValues.map(({ name, value }) => [name, value]))
  return manifest.variables
    .filter(({ name, required, default_value }) => required && !(given.get(name) ?? default_value))
    .map(({ name }) => name)
}

export function planOf(manifest: Manifest): ImportPlan {
  const resources = plannedAfter(manifest, "start")
  return {
    parameters: manifest.parameters,
    presets: manifest.presets,
    variables: manifest.variables,
    tags: manifest.tags,
    resources_start: resources,
    resources_stop: plannedAfter(manifest, "stop"),
    has_external_agent: resources.some((resource) => resource.type === externalAgentType),
  }
}
