// Statements that read what an import found: parameters, variables, presets and resources.
import { sql, type SQL } from "drizzle-orm"
import { may } from "../../access/may.ts"
import { resourcesJson, type ResourceJson } from "../../agents/views/resources-json.ts"
import { statement } from "../../platform/db/client.ts"

const readable = (): SQL =>
  may("read", "template", { id: sql`v.template_id`, organization: sql`v.organization_id` })

/** Returns a row if the version exists and the caller may read it. */
export const versionGate = (id: string) =>
  statement<{ is_complete: boolean }>(
    "template-versions.gate",
    sql`select j.completed_at is not null as is_complete
    from template_versions v join provisioner_jobs j on j.id = v.job_id
    where v.id = ${id}::uuid and ${readable()}`,
  )

export type ParameterRow = {
  name: string
  display_name: string
  description: string
  type: "string" | "number" | "bool" | "list(string)"
  form_type: string
  mutable: boolean
  default_value: string
  icon: string
  options: { name: string; description: string; value: string; icon: string }[]
  validation_error: string
  validation_regex: string
  validation_min: number | null
  validation_max: number | null
  validation_monotonic: "" | "increasing" | "decreasing"
  required: boolean
  ephemeral: boolean
}

export const versionParameters = (id: string) =>
  statement<ParameterRow>(
    "template-versions.parameters",
    sql`select p.name, p.display_name, p.description, p.type, p.form_type, p.mutable,
      p.default_value, p.icon, p.options,
      p.validation_error, p.validation_regex, p.validation_min, p.validation_max,
      p.validation_monotonic, p.required, p.ephemeral
    from template_version_parameters p join template_versions v on v.id = p.template_version_id
    where v.id = ${id}::uuid and ${readable()}
    order by p.display_order, p.name`,
  )

export type VariableRow = {
  name: string
  description: string
  type: "string" | "number" | "bool"
  value: string
  default_value: string
  required: boolean
  sensitive: boolean
}

export const versionVariables = (id: string) =>
  statement<VariableRow>(
    "template-versions.variables",
    sql`select p.name, p.description, p.type, p.value, p.default_value, p.required, p.sensitive
    from template_version_variables p join template_versions v on v.id = p.template_version_id
    where v.id = ${id}::uuid and ${readable()}
    order by p.name`,
  )

export type PresetRow = {
  id: string
  name: string
  is_default: boolean
  desired_instances: number | null
  description: string
  icon: string
  parameters: { Name: string; Value: string }[]
}

export const versionPresets = (id: string) =>
  statement<PresetRow>(
    "template-versions.presets",
    sql`select s.id, s.name, s.is_default, s.desired_instances, s.description, s.icon, coalesce((
        select json_agg(json_build_object('Name', p.name, 'Value', p.value) order by p.name)
        from template_version_preset_parameters p where p.preset_id = s.id), '[]') as parameters
    from template_version_presets s join template_versions v on v.id = s.template_version_id
    where v.id = ${id}::uuid and ${readable()}
    order by s.display_order, s.name`,
  )

export const versionResources = (id: string, now: Date) =>
  statement<{ is_complete: boolean; resources: ResourceJson[] }>(
    "template-versions.resources",
    sql`select j.completed_at is not null as is_complete, ${resourcesJson(sql`v.job_id`, now)}
      as resources
    from template_versions v join provisioner_jobs j on j.id = v.job_id
    where v.id = ${id}::uuid and ${readable()}`,
  )

/** The version's import job, for its log. */
export const versionJob = (id: string) =>
  statement<{ job_id: string }>(
    "template-versions.job",
    sql`select v.job_id from template_versions v where v.id = ${id}::uuid and ${readable()}`,
  )
