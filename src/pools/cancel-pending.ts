// Ends first builds of pools that are no longer wanted, before a daemon takes them.
import { sql } from "drizzle-orm"
import { insertBuilds, wantedBuild } from "../builds/create/insert-builds.ts"
import { type Statement, statement } from "../platform/db/client.ts"
import { json, uuids } from "../platform/db/sql.ts"
import { stageInput } from "../queue/prebuild-stage.ts"

/** The most jobs of one cycle; the next cycle takes the rest. */
export const cancelCountMax = 500

export type CanceledBuild = { workspace_id: string; job_id: string }

/**
 * Returns two statements for one batch, in this order. The first cancels the jobs and requests each
 * workspace's deletion. The second ends those deletions, since nothing was ever provisioned.
 *
 * The first checks its criteria again on the locked job. It leaves a build alone that a daemon has
 * just taken, that has ended, that is of the active version or of another transition. Locked rows
 * are skipped. A second run finds nothing.
 */
export function cancelPending(
  presetIds: readonly string[],
  now: Date,
): [Statement<CanceledBuild>, Statement<{ workspace_id: string }>] {
  return [
    statement(
      "prebuilds.cancel-pending",
      sql`
      with pending as (
        select w.id as workspace_id, w.organization_id, b.template_version_id, j.id as job_id,
          j.provisioner, j.file_id, j.tags
        from workspaces w
        join templates t on t.id = w.template_id
        join workspace_builds b on b.id = w.latest_build_id
        join provisioner_jobs j on j.id = b.job_id
        where w.owner_id = prebuilds_user_id() and not w.deleted
          and b.template_version_preset_id = any (${uuids(presetIds)})
            and b.template_version_id <> t.active_version_id
          and b.initiator_id = prebuilds_user_id() and b.build_number = 1 and b.transition = 'start'
          and j.started_at is null and j.canceled_at is null and j.completed_at is null
        order by j.id limit ${cancelCountMax}
        for update of j skip locked
      ), canceled as (
        update provisioner_jobs j set canceled_at = ${now}::timestamptz,
          completed_at = ${now}::timestamptz,
          updated_at = ${now}::timestamptz
        from pending p where j.id = p.job_id returning j.id
      ), requests as materialized (
        select ${wantedBuild({
          workspace_id: sql`p.workspace_id`,
          organization_id: sql`p.organization_id`,
          build_id: sql`gen_random_uuid()`,
          job_id: sql`gen_random_uuid()`,
          build_number: sql`2`,
          transition: sql`'delete'`,
          reason: sql`'initiator'`,
          initiator_id: sql`prebuilds_user_id()`,
          template_version_id: sql`p.template_version_id`,
          file_id: sql`p.file_id`,
          provisioner: sql`p.provisioner`,
          tags: sql`p.tags`,
          input: json(orphanInput),
          parameters: sql`'[]'`,
        })}
        from pending p join canceled c on c.id = p.job_id
      ), ${insertBuilds(sql`requests`, now)}
      select workspace_id, job_id from builds`,
    ),
    statement(
      "prebuilds.end-orphans",
      sql`
      with ended as (
        update provisioner_jobs j set started_at = ${now}::timestamptz,
          completed_at = ${now}::timestamptz
        where j.created_at = ${now}::timestamptz and j.started_at is null and j.completed_at is null
          and j.initiator_id = prebuilds_user_id() and j.input @> ${json(orphanInput)}
        returning j.id
      )
      update workspaces w set deleted = true, updated_at = ${now}::timestamptz
      from workspace_builds b join ended on ended.id = b.job_id
      where w.id = b.workspace_id and w.owner_id = prebuilds_user_id()
      returning w.id as workspace_id`,
    ),
  ]
}

const orphanInput = { ...stageInput("create"), orphan: true }
