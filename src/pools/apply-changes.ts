// Writes the plans of one reconcile: deletes and creates of many pools in one statement.
import { sql } from "drizzle-orm"
import { insertBuilds, wantedBuild } from "../builds/create/insert-builds.ts"
import { type Statement, statement } from "../platform/db/client.ts"
import { json } from "../platform/db/sql.ts"
import { stageInput } from "../queue/prebuild-stage.ts"
import type { PrebuildStatus } from "./read-pools.ts"

export type PoolChange = {
  preset_id: string
  /** The version that the snapshot read: the change is dropped if another one came first. */
  pool_version: number
  creates: { workspace_id: string; name: string; build_id: string; job_id: string }[]
  /** Resolved and validated parameters of the preset, for its creates. */
  parameters: { name: string; value: string }[]
  /** `is_running`: as the snapshot read it; the other ones are remnants. */
  deletes: { workspace_id: string; build_id: string; job_id: string; is_running: boolean }[]
}

export type AppliedBuild = {
  preset_id: string
  workspace_id: string
  build_id: string
  transition: "start" | "delete"
  organization_id: string
  provisioner: string
  tags: Record<string, string>
}

/**
 * Returns the builds that were made. Its preconditions, each on a row that it locks:
 * - The pool's version is the one that the snapshot read. It moves with each change. So of two
 *   reconciles that read the same counts, one creates and the other does nothing. A pool that
 *   another reconcile is changing is skipped.
 * - The preset's version is the active one of a template in use (for creates).
 * - The prebuild still belongs to the pool (for deletes). Its latest build is still a succeeded
 *   start, or for a remnant one that failed, was canceled or stopped it. A claim locks the same
 *   row. The second of the two finds the owner or the latest build changed, or the row locked, and
 *   leaves it alone.
 * A second run does nothing: the version has moved, the ids exist.
 */
export function applyPoolChanges(
  changes: readonly PoolChange[],
  now: Date,
): Statement<AppliedBuild> {
  return statement(
    "prebuilds.apply",
    sql`
    with changes as (
      select * from jsonb_to_recordset(${json(changes)})
        as c(preset_id uuid, pool_version bigint, creates jsonb, parameters jsonb, deletes jsonb)
    ), pools as (
      select p.id, p.template_version_id from template_version_presets p
      join changes c on c.preset_id = p.id and c.pool_version = p.pool_version
      order by p.id for update of p skip locked
    ), won as (
      update template_version_presets p set pool_version = p.pool_version + 1
      from pools where p.id = pools.id returning p.id
    ), creates as (
      select c.preset_id, c.parameters, w.*, v.id as template_version_id, v.file_id,
        t.id as template_id, t.organization_id,
        t.provisioner, j.tags
      from changes c join won on won.id = c.preset_id
      join template_version_presets p on p.id = c.preset_id
      join template_versions v on v.id = p.template_version_id
      join templates t on t.id = v.template_id and t.active_version_id = v.id and not t.deleted
        and t.deprecation_message = ''
      join provisioner_jobs j on j.id = v.job_id,
        jsonb_to_recordset(c.creates) as w(workspace_id uuid, name text, build_id uuid, job_id uuid)
    ), created as (
      insert into workspaces (id, owner_id, organization_id, template_id, name, created_at,
        updated_at, last_used_at)
      select workspace_id, prebuilds_user_id(), organization_id, template_id, name,
        ${now}::timestamptz, ${now}::timestamptz,
        ${now}::timestamptz
      from creates on conflict do nothing returning id
    ), doomed as (
      select c.preset_id, d.build_id, d.job_id, w.id as workspace_id, w.organization_id,
        w.latest_build_id, w.latest_build_number
      from changes c join won on won.id = c.preset_id,
        jsonb_to_recordset(c.deletes)
          as d(workspace_id uuid, build_id uuid, job_id uuid, is_running boolean),
        workspaces w
      where w.id = d.workspace_id and w.owner_id = prebuilds_user_id() and not w.deleted
        and case when d.is_running
          then w.latest_transition = 'start' and w.latest_job_status = 'succeeded'
          else w.latest_job_status in ('failed', 'canceled')
            or (w.latest_transition = 'stop' and w.latest_job_status = 'succeeded') end
      order by w.id for update of w skip locked
    ), requests as (
      select c.preset_id as pool_id, ${wantedBuild({
        workspace_id: sql`c.workspace_id`,
        organization_id: sql`c.organization_id`,
        build_id: sql`c.build_id`,
        job_id: sql`c.job_id`,
        build_number: sql`1`,
        transition: sql`'start'`,
        reason: sql`'initiator'`,
        initiator_id: sql`prebuilds_user_id()`,
        template_version_id: sql`c.template_version_id`,
        preset_id: sql`c.preset_id`,
        file_id: sql`c.file_id`,
        provisioner: sql`c.provisioner`,
        tags: poolTags(sql`c.tags`),
        input: json(stageInput("create")),
        parameters: sql`c.parameters`,
      })}
      from creates c join created w on w.id = c.workspace_id
      union all
      select d.preset_id, ${wantedBuild({
        workspace_id: sql`d.workspace_id`,
        organization_id: sql`d.organization_id`,
        build_id: sql`d.build_id`,
        job_id: sql`d.job_id`,
        build_number: sql`d.latest_build_number + 1`,
        transition: sql`'delete'`,
        reason: sql`'initiator'`,
        initiator_id: sql`prebuilds_user_id()`,
        template_version_id: sql`b.template_version_id`,
        state: sql`coalesce(b.provisioner_state, (
          select s.provisioner_state from workspace_builds s
          where s.workspace_id = d.workspace_id and s.provisioner_state is not null
          order by s.build_number desc limit 1))`,
        file_id: sql`v.file_id`,
        provisioner: sql`l.provisioner`,
        tags: sql`l.tags`,
        input: json({ ...stageInput("create"), prebuild_delete: true }),
        parameters: sql`coalesce((
          select jsonb_agg(jsonb_build_object('name', p.name, 'value', p.value))
          from workspace_build_parameters p where p.workspace_build_id = b.id), '[]')`,
      })}
      from doomed d join workspace_builds b on b.id = d.latest_build_id
      join template_versions v on v.id = b.template_version_id
      join provisioner_jobs l on l.id = b.job_id
    ), ${insertBuilds(sql`requests`, now)}
    select r.pool_id as preset_id, b.workspace_id, b.id as build_id, b.transition,
      j.organization_id, j.provisioner, j.tags
    from builds b join requests r on r.build_id = b.id join jobs j on j.id = b.job_id
    order by b.workspace_id`,
  )
}

/**
 * The version's tags for a workspace of the prebuilds user: tags of scope user name the workspace's
 * owner.
 */
function poolTags(tags: ReturnType<typeof sql>) {
  return sql`case when ${tags} ->> 'scope' = 'user'
    then ${tags} || jsonb_build_object('owner', prebuilds_user_id()) else ${tags} end`
}

export type StatusChange = { preset_id: string; prebuild_status: PrebuildStatus }

/**
 * Writes each status that differs, so repeating it changes nothing. The status is a note for
 * people: each cycle computes a hard limit again and never reads it from here. The presets of a new
 * version start as healthy.
 */
export function setPoolStatuses(
  changes: readonly StatusChange[],
): Statement<{ preset_id: string }> {
  return statement(
    "prebuilds.statuses",
    sql`
    update template_version_presets p set prebuild_status = c.prebuild_status
    from jsonb_to_recordset(${json(changes)}) as c(preset_id uuid, prebuild_status text)
    where p.id = c.preset_id and p.prebuild_status <> c.prebuild_status
    returning p.id as preset_id`,
  )
}
