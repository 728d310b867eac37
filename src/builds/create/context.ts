// The statement that reads what decides whether a workspace may be built, and how.
import { type SQL, sql } from "drizzle-orm"
import { may, may as callerMay } from "../../access/may.ts"
import { type Statement, statement } from "../../platform/db/client.ts"
import type { JobStatus } from "../../queue/view.ts"
import type { Transition } from "../status.ts"
import { type BuildableVersion, type NamedValue, versionJson } from "./version.ts"

export type BuildContext = {
  id: string
  owner_id: string
  is_prebuild: boolean
  is_dormant: boolean
  deleted: boolean
  latest_build_number: number
  template: {
    id: string
    active_version_id: string
    require_active_version: boolean
    provisioner: string
  }
  may_start: boolean
  may_stop: boolean
  may_delete: boolean
  may_update_template: boolean
  /** The template is open to the caller: it is not private, or they may use it all the same. */
  may_use_template: boolean
  may_debug: boolean
  last: { template_version_id: string; job_status: JobStatus; parameters: NamedValue[] } | null
  /** The requested one, else the last build's. Null if it does not exist. */
  version: BuildableVersion | null
}

/**
 * True where the caller may do this to the workspace `w`. Dormant workspaces and prebuilds are
 * resources of their own. `may` decides for another than the caller.
 */
export function mayBuild(transition: Transition, may = callerMay): SQL {
  const columns = { id: sql`w.id`, owner: sql`w.owner_id`, organization: sql`w.organization_id` }
  const asleep = transition === "start" ? "update" : transition
  const pooled =
    transition === "delete"
      ? sql` or (w.owner_id = prebuilds_user_id()
          and ${may("delete", "prebuilt_workspace", columns)})`
      : sql``
  return sql`(case when w.dormant_at is null then ${may(transition, "workspace", columns)}
    else ${may(asleep, "workspace_dormant", columns)} end${pooled})`
}

/**
 * True where the caller may build the workspace's template `t`: it is not private, or they may use
 * it all the same. A token without the scope of templates still starts what is open to everyone.
 */
export function isTemplateOpen(may = callerMay): SQL {
  const template = { id: sql`t.id`, organization: sql`t.organization_id` }
  return sql`(not t.disable_everyone_group_access or ${may("use", "template", template)})`
}

export const readableWorkspace = (alias: string): SQL => {
  const w = sql.raw(alias)
  const columns = {
    id: sql`${w}.id`,
    owner: sql`${w}.owner_id`,
    organization: sql`${w}.organization_id`,
  }
  return may("read", "workspace", columns)
}

/**
 * Returns one row where the workspace exists and the caller may read it. `isSystem` skips the
 * permission checks.
 */
export function buildContext(
  workspaceId: string,
  versionId: string | null,
  isSystem = false,
): Statement<BuildContext> {
  const granted = (condition: SQL) => (isSystem ? sql`true` : condition)
  const template = { id: sql`t.id`, organization: sql`t.organization_id` }
  return statement(
    "builds.context",
    sql`select w.id, w.owner_id, w.owner_id = prebuilds_user_id() as is_prebuild,
      w.dormant_at is not null as is_dormant, w.deleted, w.latest_build_number,
      json_build_object('id', t.id, 'active_version_id', t.active_version_id,
        'require_active_version', t.require_active_version,
        'provisioner', t.provisioner) as template,
      ${granted(mayBuild("start"))} as may_start, ${granted(mayBuild("stop"))} as may_stop,
      ${granted(mayBuild("delete"))} as may_delete,
      ${granted(may("update", "template", template))} as may_update_template,
      ${granted(isTemplateOpen())} as may_use_template,
      ${granted(may("read", "deployment_config"))} as may_debug,
      (select json_build_object('template_version_id', b.template_version_id,
          'job_status', j.job_status, 'parameters', (
            select coalesce(json_agg(json_build_object('name', p.name, 'value', p.value)
              order by p.name), '[]')
            from workspace_build_parameters p where p.workspace_build_id = b.id))
        from workspace_builds b join provisioner_jobs j on j.id = b.job_id
        where b.id = w.latest_build_id) as last,
      (select ${versionJson} from template_versions v join provisioner_jobs j on j.id = v.job_id
        where v.id = coalesce(${versionId}::uuid,
          (select b.template_version_id from workspace_builds b
            where b.id = w.latest_build_id))) as version
    from workspaces w join templates t on t.id = w.template_id
    where w.id = ${workspaceId}::uuid and ${granted(readableWorkspace("w"))}`,
  )
}
