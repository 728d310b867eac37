// The statement that cancels a build.
//
// A pending job ends at once. A running one is marked, and its daemon ends it.
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../platform/db/client.ts"
import { may } from "../access/may.ts"
import type { JobStatus } from "../queue/view.ts"
import { readableWorkspace } from "./create/context.ts"

export type CancelAttempt = {
  workspace_id: string
  job_status: JobStatus
  is_completed: boolean
  is_canceled: boolean
  may_update: boolean
  /** The template lets users cancel, or the caller is an owner. */
  may_cancel: boolean
  canceled: boolean
}

const workspace = {
  id: sql`home.id`,
  owner: sql`home.owner_id`,
  organization: sql`home.organization_id`,
}

/**
 * Returns one row where the build can be read; `canceled` says whether this call canceled it.
 *
 * Preconditions, on the locked row of the job: it has neither ended nor been canceled, it is in the
 * expected state if one is given, and the caller may. Its daemon is notified with its next update.
 */
export const cancelBuild = (
  id: string,
  expected: "pending" | "running" | null,
  now: Date,
): Statement<CancelAttempt> =>
  statement(
    "builds.cancel",
    sql`with asked as (
      select j.id, home.id as workspace_id, j.job_status,
        j.completed_at is not null as is_completed,
        j.canceled_at is not null as is_canceled,
        ${may("update", "workspace", workspace)} as may_update,
        ${expected === "pending"} or t.allow_user_cancel_workspace_jobs
          or actor_has_site_role(array['owner']) as may_cancel
      from workspace_builds it join workspaces home on home.id = it.workspace_id join templates t
        on t.id = home.template_id
      join provisioner_jobs j on j.id = it.job_id
      where it.id = ${id}::uuid and ${readableWorkspace("home")}
      for update of j
    ), canceled as (
      update provisioner_jobs j set canceled_at = ${now}::timestamptz,
        completed_at = case when j.worker_id is null then ${now}::timestamptz end
      from asked a
      where j.id = a.id and not a.is_completed and not a.is_canceled and a.may_update
        and a.may_cancel
        and (${expected}::text is null or a.job_status = ${expected}::text)
      returning j.id
    )
    select a.workspace_id, a.job_status, a.is_completed, a.is_canceled, a.may_update, a.may_cancel,
      exists (select 1 from canceled) as canceled
    from asked a`,
  )
