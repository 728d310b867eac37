// The parameters of an automatic build: the last build's values, where the version accepts them.
import { sql } from "drizzle-orm"
import { type Database, statement } from "../../platform/db/client.ts"
import { uuids } from "../../platform/db/sql.ts"
import {
  type ParameterDefinition,
  type ResolvedParameters,
  resolveParameters,
} from "../../templates/parameters/resolve.ts"

export type CarryRequest = {
  template_version_id: string
  previous: readonly { name: string; value: string }[]
}

/** Resolves each request's values against its version, in order, with at most one statement. */
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
  return requests.map(({ template_version_id, previous }) =>
    resolveParameters({
      parameters: byVersion.get(template_version_id) ?? [],
      preset: new Map(),
      given: new Map(),
      previous: new Map(previous.map(({ name, value }) => [name, value])),
    }),
  )
}
