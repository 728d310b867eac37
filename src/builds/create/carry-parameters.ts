// The parameters of an automatic build: the last build's values, where the version accepts them.
import { sql } from "drizzle-orm"
import { type Database, statement } from "../../platform/db/client.ts"
import { uuids } from "../../platform/db/sql.ts"
import { patternWork } from "../../templates/parameters/pattern.ts"
import {
  type ParameterDefinition,
  type ResolvedParameters,
  resolveParameters,
} from "../../templates/parameters/resolve.ts"
import { toMap } from "./version.ts"

export type CarryRequest = {
  template_version_id: string
  previous: readonly { name: string; value: string }[]
}

/** What the patterns of one workspace, and of all of a call, may cost: see `patternWork`. */
const workMax = { workspace: 200_000, call: 4_000_000 }

/**
 * Resolves each request's values against its version, in order, with at most one statement.
 *
 * The cheapest are resolved first. Patterns that cost too much refuse their own workspaces, and
 * never take the time of others.
 */
export async function carryParameters(
  db: Database,
  requests: readonly CarryRequest[],
): Promise<ResolvedParameters[]> {
  if (requests.length === 0) return []
  const versionIds = [...new Set(requests.map((request) => request.template_version_id))]
  const rows = await db.all(
    statement<ParameterDefinition & { template_version_id: string }>(
      "builds.parameters-of-versions",
      sql`select template_version_id, name, type, mutable, required, ephemeral, default_value,
          options, form_type, validation_regex, validation_error, validation_min, validation_max,
          validation_monotonic
        from template_version_parameters where template_version_id = any(${uuids(versionIds)})
        order by template_version_id, display_order, name`,
    ),
  )
  const byVersion = Map.groupBy(rows, (row) => row.template_version_id)
  const work = requests.map((request) => workOf(request, byVersion))
  const cheapest = requests.map((_, index) => index).sort((a, b) => (work[a] ?? 0) - (work[b] ?? 0))
  const resolved: ResolvedParameters[] = []
  let left = workMax.call
  for (const index of cheapest) {
    const request = requests[index]
    if (request === undefined) continue
    resolved[index] = resolveParameters({
      parameters: byVersion.get(request.template_version_id) ?? [],
      preset: new Map(),
      given: new Map(),
      previous: toMap(request.previous),
      workMax: Math.min(workMax.workspace, left),
    })
    left = Math.max(0, left - Math.min(work[index] ?? 0, workMax.workspace))
  }
  return resolved
}

/** What the patterns of a request cost. A missing value is the parameter's default. */
function workOf(
  { template_version_id, previous }: CarryRequest,
  byVersion: ReadonlyMap<string, readonly ParameterDefinition[]>,
): number {
  const values = toMap(previous)
  return (byVersion.get(template_version_id) ?? []).reduce(
    (sum, { name, validation_regex, default_value }) =>
      sum + patternWork(validation_regex, values.get(name) ?? default_value),
    0,
  )
}
