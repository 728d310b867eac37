// The parameters that a preset's prebuilds are built with, or why they cannot be built.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { uuids } from "../platform/db/sql.ts"
import {
  type ParameterDefinition,
  type ResolvedParameters,
  resolveParameters,
} from "../templates/parameters/resolve.ts"

export type PoolParametersRow = {
  preset_id: string
  parameters: ParameterDefinition[]
  preset: { name: string; value: string }[]
}

/** Reads the definitions of each preset's version and the preset's own values. */
export function readPoolParameters(presetIds: readonly string[]): Statement<PoolParametersRow> {
  return statement(
    "prebuilds.parameters",
    sql`
    select p.id as preset_id,
      coalesce((select jsonb_agg(to_jsonb(d) order by d.display_order, d.name)
        from template_version_parameters d
        where d.template_version_id = p.template_version_id), '[]') as parameters,
      coalesce((select jsonb_agg(jsonb_build_object('name', v.name, 'value', v.value))
        from template_version_preset_parameters v where v.preset_id = p.id), '[]') as preset
    from template_version_presets p where p.id = any (${uuids(presetIds)})`,
  )
}

/** Resolves a first build without a request: the preset's values over the defaults. */
export function resolvePoolParameters(row: PoolParametersRow): ResolvedParameters {
  return resolveParameters({
    parameters: row.parameters,
    preset: new Map(row.preset.map(({ name, value }) => [name, value])),
    given: new Map(),
    previous: new Map(),
  })
}
