// The CTEs that write what an import found: README, flags, parameters, variables and presets.
import { sql, type SQL } from "drizzle-orm"
import { json } from "../../platform/db/sql.ts"
import type { ReportedParameter, ReportedPreset, ReportedVariable } from "../manifest/reported.ts"

export type ImportResult = {
  parameters: readonly ReportedParameter[]
  variables: readonly ReportedVariable[]
  presets: readonly ReportedPreset[]
  hasExternalAgent: boolean
  readme: string
}

/**
 * The CTEs `versions`, `version_parameters`, `version_variables`, `version_presets`,
 * `preset_values` and `preset_schedules`, for the statement that ends the job.
 *
 * `ended` names the CTE of the jobs that the statement really ended (one row or none), with
 * `id uuid, input jsonb`. A completion that came too late therefore writes nothing.
 */
export function importRows(ended: SQL, result: ImportResult, now: Date): SQL {
  const presets = result.presets.map((preset) => ({ id: crypto.randomUUID(), preset }))
  const rowsOf = (table: string, rows: readonly object[]): SQL =>
    sql`${ended} e, jsonb_populate_recordset(null::${sql.raw(table)}, ${json(rows)}) p`
  return sql`versions as (
    update template_versions v
    set readme = ${result.readme}, has_external_agent = ${result.hasExternalAgent},
      updated_at = ${now}::timestamptz
    from ${ended} e where v.id = ${versionId}
    returning v.id
  ), version_parameters as (
    insert into template_version_parameters (template_version_id, name, display_order, display_name,
      description, type, form_type, mutable, default_value, icon, options, validation_regex,
      validation_error, validation_min, validation_max, validation_monotonic, required, ephemeral)
    select ${versionId}, p.name, p.display_order, p.display_name, p.description, p.type,
      p.form_type, p.mutable, p.default_value, p.icon, p.options, p.validation_regex,
      p.validation_error, p.validation_min, p.validation_max, p.validation_monotonic, p.required,
      p.ephemeral
    from ${rowsOf("template_version_parameters", result.parameters.map(parameterRow))}
    on conflict do nothing
  ), ${variableRows(ended, result.variables)}, version_presets as (
    insert into template_version_presets (id, template_version_id, name, display_order, description,
      icon, is_default, desired_instances, invalidate_after_secs, scheduling_timezone, created_at)
    select p.id, ${versionId}, p.name, p.display_order, p.description, p.icon, p.is_default,
      p.desired_instances, p.invalidate_after_secs, p.scheduling_timezone, ${now}::timestamptz
    from ${rowsOf("template_version_presets", presets.map(presetRow))}
  ), preset_values as (
    insert into template_version_preset_parameters (preset_id, name, value)
    select p.preset_id, p.name, p.value
    from ${rowsOf("template_version_preset_parameters", presets.flatMap(presetValues))}
  ), preset_schedules as (
    insert into template_version_preset_prebuild_schedules (preset_id, position, cron_expression,
      desired_instances)
    select p.preset_id, p.position, p.cron_expression, p.desired_instances
    from ${rowsOf("template_version_preset_prebuild_schedules", presets.flatMap(presetSchedules))}
  )`
}

const versionId = sql`(e.input ->> 'template_version_id')::uuid`

/** The CTE `version_variables`, over the same CTE. A failed import writes nothing else. */
export function variableRows(ended: SQL, variables: readonly ReportedVariable[]): SQL {
  const rows = json(variables.map(variableRow))
  return sql`version_variables as (
    insert into template_version_variables (template_version_id, name, description, type, value,
      default_value, required, sensitive)
    select ${versionId}, p.name, p.description, p.type, coalesce((
        select g.value
        from jsonb_to_recordset(e.input -> 'user_variable_values') as g(name text, value text)
        where g.name = p.name limit 1), p.default_value),
      p.default_value, p.required, p.sensitive
    from ${ended} e, jsonb_populate_recordset(null::template_version_variables, ${rows}) p
    on conflict do nothing
  )`
}

const parameterRow = (parameter: ReportedParameter, index: number) => ({
  name: parameter.name,
  display_order: (parameter.order ?? 0) * orderStep + index,
  display_name: parameter.display_name ?? "",
  description: parameter.description ?? "",
  type: parameter.type,
  form_type: parameter.form_type,
  mutable: parameter.mutable,
  default_value: parameter.default_value ?? "",
  icon: parameter.icon ?? "",
  options: (parameter.options ?? []).map(({ name, description = "", value, icon = "" }) => ({
    name,
    description,
    value,
    icon,
  })),
  validation_regex: parameter.validation_regex ?? "",
  validation_error: parameter.validation_error ?? "",
  validation_min: parameter.validation_min ?? null,
  validation_max: parameter.validation_max ?? null,
  validation_monotonic: parameter.validation_monotonic ?? "",
  required: parameter.required ?? parameter.default_value === undefined,
  ephemeral: parameter.ephemeral,
})

/** Parameters of the same order keep the order of the report, which has fewer than this many. */
const orderStep = 1_000

const variableRow = (variable: ReportedVariable) => ({
  name: variable.name,
  description: variable.description ?? "",
  type: variable.type,
  default_value: variable.default_value ?? "",
  required: variable.required ?? variable.default_value === undefined,
  sensitive: variable.sensitive,
})

type IdentifiedPreset = { id: string; preset: ReportedPreset }

const presetRow = ({ id, preset }: IdentifiedPreset, index: number) => ({
  id,
  name: preset.name,
  display_order: index,
  description: preset.description ?? "",
  icon: preset.icon ?? "",
  is_default: preset.default,
  desired_instances: preset.prebuilds?.instances ?? null,
  invalidate_after_secs: preset.prebuilds?.expiration_policy?.ttl ?? null,
  scheduling_timezone: preset.prebuilds?.scheduling?.timezone ?? "",
})

const presetValues = ({ id, preset }: IdentifiedPreset) =>
  Object.entries(preset.parameters).map(([name, value]) => ({ preset_id: id, name, value }))

const presetSchedules = ({ id, preset }: IdentifiedPreset) =>
  (preset.prebuilds?.scheduling?.schedule ?? []).map(({ cron, instances }, position) => ({
    preset_id: id,
    position,
    cron_expression: cron,
    desired_instances: instances,
  }))
