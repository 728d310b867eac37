// The version that a build is made from: what a plan reads of it, and when it cannot be built.
import { type SQL, sql } from "drizzle-orm"
import { ApiError, badRequest, forbidden } from "../../platform/http/errors.ts"
import type { JobStatus } from "../../queue/view.ts"
import type { ParameterDefinition, ParameterRefusal } from "../../templates/parameters/resolve.ts"

export type NamedValue = { name: string; value: string }

export type BuildableVersion = {
  id: string
  name: string
  template_id: string | null
  archived: boolean
  file_id: string
  provisioner: string
  tags: Record<string, string>
  job_status: JobStatus
  job_error: string | null
  parameters: ParameterDefinition[]
  presets: { id: string; parameters: NamedValue[] }[]
}

/** The version `v` with its import job `j`, as a {@link BuildableVersion}. */
export const versionJson: SQL = sql`json_build_object('id', v.id, 'name', v.name,
  'template_id', v.template_id, 'archived', v.archived, 'file_id', v.file_id,
  'provisioner', j.provisioner, 'tags', j.tags, 'job_status', j.job_status, 'job_error', j.error,
  'parameters', (select coalesce(json_agg(p order by p.display_order, p.name), '[]')
    from template_version_parameters p where p.template_version_id = v.id),
  'presets', (select coalesce(json_agg(json_build_object('id', s.id, 'parameters', (
      select coalesce(json_agg(json_build_object('name', q.name, 'value', q.value)
        order by q.name), '[]')
      from template_version_preset_parameters q where q.preset_id = s.id))
      order by s.display_order, s.name), '[]')
    from template_version_presets s where s.template_version_id = v.id))`

type Import = Pick<BuildableVersion, "name" | "job_status" | "job_error">

/** Rejects a version whose import has not succeeded. */
export function requireImported({ name, job_status: status, job_error: error }: Import): void {
  if (status === "pending" || status === "running") {
    throw new ApiError(
      406,
      `The provided template version is ${status}. Wait for it to complete importing!`,
    )
  }
  if (status === "failed" || status === "canceled") {
    const [named, reason] = [JSON.stringify(name), JSON.stringify(error ?? "")]
    throw badRequest(
      `The provided template version ${named} has failed to import: ${reason}. ` +
        "You cannot build workspaces with it!",
    )
  }
}

/** Names every bad parameter: clients open their form only for an answer with `validations`. */
export const parameterRefusal = ({ message, detail, problems }: ParameterRefusal): ApiError =>
  badRequest(message, {
    detail,
    validations: problems.map((problem) => ({ field: problem.parameter, detail: problem.detail })),
  })

/**
 * Rejects an old version where the template requires the active one. Call this last: a client that
 * receives this error starts the active version instead.
 */
export function refuseOldVersion(
  version: Pick<BuildableVersion, "id">,
  template: { active_version_id: string; require_active_version: boolean },
  mayUpdateTemplate: boolean,
): void {
  const isOld = version.id !== template.active_version_id
  if (template.require_active_version && isOld && !mayUpdateTemplate) {
    throw forbidden("insert workspace build")
  }
}

export const toMap = (values: readonly NamedValue[]): Map<string, string> =>
  new Map(values.map(({ name, value }) => [name, value]))
