// The answer of a script: one JSON document in the file that DORMOUSE_OUTPUT names.
import { readFile, stat } from "node:fs/promises"
import { z } from "zod"
import { explainIssues, type Manifest } from "../../../../templates/manifest/manifest.ts"
import {
  reportedReplacements,
  reportedResource,
  type ReportedReplacement,
  type ReportedResource,
} from "../../../../templates/manifest/reported.ts"
import { distinctResources } from "../../../../templates/manifest/resource-names.ts"
import { stateBytesMax } from "../../../../templates/manifest/state-size.ts"
import type { Build } from "../engine.ts"

export const outputBytesMax = 8 * 1024 * 1024

const outputSchema = z.object({
  resources: distinctResources.optional(),
  state: z.json().optional(),
  replacements: reportedReplacements.optional(),
})

export type ScriptOutput =
  /** `state` undefined: the script reports none, so what was known stays. */
  | {
      ok: true
      resources: ReportedResource[] | null
      state: Buffer | undefined
      replacements: ReportedReplacement[]
    }
  | { ok: false; error: string }

/** Reads the answer. A missing or empty file is an answer without content. */
export async function readScriptOutput(path: string, script: string): Promise<ScriptOutput> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size === 0) return { ok: true, resources: null, state: undefined, replacements: [] }
  if (size > outputBytesMax) {
    return fail(script, `${size} bytes, more than the ${outputBytesMax} that are read`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(await readFile(path, "utf8"))
  } catch (error) {
    return fail(script, `no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const checked = outputSchema.safeParse(parsed)
  if (!checked.success)
    return fail(script, `an answer that is not valid:\n${explainIssues(checked.error.issues)}`)
  const { resources, state, replacements } = checked.data
  const bytes =
    state === undefined
      ? undefined
      : Buffer.from(typeof state === "string" ? state : JSON.stringify(state))
  if (bytes !== undefined && bytes.length > stateBytesMax) {
    return fail(
      script,
      `a state of ${bytes.length} bytes, more than the ${stateBytesMax} that are kept`,
    )
  }
  return { ok: true, resources: resources ?? null, state: bytes, replacements: replacements ?? [] }
}

const fail = (script: string, what: string): ScriptOutput => ({
  ok: false,
  error: `${script} wrote to $DORMOUSE_OUTPUT ${what}`,
})

const withoutAgents = reportedResource.omit({ agents: true })

/**
 * The resources of the manifest that exist after a transition; agents live only while the workspace
 * runs.
 */
export function plannedAfter(
  manifest: Manifest,
  transition: Build["transition"],
): ReportedResource[] {
  switch (transition) {
    case "start":
      return manifest.resources.map((resource) => reportedResource.parse(resource))
    case "stop":
      return manifest.resources
        .filter((resource) => resource.persistent)
        .map((resource) => withoutAgents.parse(resource))
    case "delete":
      return []
    default:
      return transition satisfies never
  }
}
