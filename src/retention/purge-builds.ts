// Retention of builds: their states, the builds themselves, and versions without a template.
import { type SQL, sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"

type Purged = { count: number }

/**
 * Drops old states. The next build starts from the latest state, so that one stays at any age;
 * earlier states are history.
 */
export function dropOldStates(before: SQL, countMax: number): Statement<Purged> {
  return statement(
    "retention.provisioner_state",
    sql`with old as (
      select b.id from workspace_builds b join workspaces w on w.id = b.workspace_id
      where b.provisioner_state is not null and b.created_at < ${before}
        and (w.deleted or b.build_number < w.latest_build_number)
        and exists (select from workspace_builds n where n.workspace_id = b.workspace_id
          and n.build_number > b.build_number and n.provisioner_state is not null)
      order by b.created_at limit ${countMax} for update of b skip locked
    ), dropped as (
      update workspace_builds b set provisioner_state = null from old where b.id = old.id
        returning 1
    ) select count(*) as count from dropped`,
  )
}

/**
 * Deletes builds that are not the latest of a workspace, and dry runs. The latest build of a
 * workspace stays at any age, and so does the one with its newest state.
 *
 * With a job go its logs, resources and agents with all their rows; with the last build of a
 * deleted workspace goes the workspace. Reads `provisioner_jobs_created` up to the cut, where few
 * other rows remain.
 */
export function dropOldBuilds(before: SQL, countMax: number): Statement<Purged> {
  return statement(
    "retention.provisioner_jobs",
    sql`with old as (
      select j.id as job_id, b.id as build_id
      from provisioner_jobs j
      left join workspace_builds b on b.job_id = j.id
      left join workspaces w on w.id = b.workspace_id
      where j.created_at < ${before} and j.completed_at is not null
        and (j.type = 'template_version_dry_run' or w.deleted
          or (b.build_number < w.latest_build_number
          and (b.provisioner_state is null or exists (select from workspace_builds n
            where n.workspace_id = b.workspace_id
            and n.build_number > b.build_number and n.provisioner_state is not null))))
      order by j.created_at limit ${countMax} for update of j skip locked
    ), builds as (
      delete from workspace_builds b using old o where b.id = o.build_id
        returning b.id, b.workspace_id
    ), jobs as (
      delete from provisioner_jobs j using old o where j.id = o.job_id returning 1
    ), emptied as (
      delete from workspaces w where w.deleted and w.id in (select workspace_id from builds)
        and not exists (select from workspace_builds b where b.workspace_id = w.id
          and b.id not in (select id from builds))
    ) select count(*) as count from jobs`,
  )
}

/**
 * Deletes versions that were imported and never became part of a template: tried, failed or
 * forgotten. Their uploads follow.
 */
export function dropUnusedVersions(before: SQL, countMax: number): Statement<Purged> {
  return statement(
    "retention.template_versions",
    sql`with old as (
      select v.id from template_versions v join provisioner_jobs j on j.id = v.job_id
      where v.template_id is null and v.created_at < ${before} and j.completed_at is not null
      order by v.created_at limit ${countMax} for update of v skip locked
    ), gone as (
      delete from template_versions v using old o where v.id = o.id and v.template_id is null
        returning v.job_id
    ), jobs as (
      delete from provisioner_jobs j using gone g where j.id = g.job_id
    ) select count(*) as count from gone`,
  )
}
