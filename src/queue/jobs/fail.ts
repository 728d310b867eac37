// The end of a job that failed: its error, the state that the engine could still save, notices.
import { type SQL, sql } from "drizzle-orm"
import type { AuditRequest } from "../../audit/fragment.ts"
import { statement } from "../../platform/db/client.ts"
import { buildAudit, endedBuilds, failureNotices } from "../../builds/ended-builds.ts"
import { type Timing, timingInsert } from "./timings.ts"
import { variableRows } from "../../templates/versions/import-rows.ts"
import type { ReportedVariable } from "../../templates/manifest/reported.ts"
import type { EngineName } from "./protocol.ts"
import { holds } from "./update.ts"

export type JobFailure = {
  daemonId: string
  jobId: string
  error: string
  errorCode: string | null
  /** The daemon obeyed a cancellation: a canceled job keeps no error. */
  isCanceled: boolean
  state: Uint8Array | null
  timings: readonly Timing[]
  engine?: EngineName | undefined
  /** The variables that an import found before it failed. Clients list them to ask for values. */
  variables?: readonly ReportedVariable[] | undefined
}

export type EndedJob = {
  id: string
  type: string
  organization_id: string
  build_id: string | null
  workspace_id: string | null
}

/**
 * Ends the job; one row if it ended now. Precondition: it is running, and its daemon belongs to the
 * key. A job that has ended stays as it is: a second failure, or one after the reaper, gets no row.
 * Agents and the next start are not changed.
 */
export const failJob = (failure: JobFailure, request: AuditRequest) =>
  statement<EndedJob>(
    "provisioner-jobs.fail",
    sql`with held as (
      select j.id as job_id, ${failure.isCanceled} and j.canceled_at is not null as is_canceled
      from provisioner_jobs j where ${holds(failure)} for update of j
    ), ended as (
      update provisioner_jobs j set completed_at = ${request.now}::timestamptz,
        updated_at = ${request.now}::timestamptz,
        error = case when h.is_canceled then null else ${failure.error} end,
        error_code = case when h.is_canceled then null else ${failure.errorCode}::text end,
        agent_tokens = null,
        engine = coalesce(${failure.engine ?? null}::text, j.engine)
      from held h where j.id = h.job_id
      returning j.id, j.type, j.organization_id, j.input, h.is_canceled
    ), ${foundVariables(failure.variables ?? [])}, saved as (
      update workspace_builds b set provisioner_state = ${failure.state}::bytea,
        updated_at = ${request.now}::timestamptz
      from ended e where ${failure.state}::bytea is not null and b.job_id = e.id
    ), ${timingInsert(failure.timings, request.now)}, ${endedBuilds(sql`e.is_canceled`)},
      ${failureNotices(request.now)}, ${buildAudit(request, 500)}
    select e.id, e.type, e.organization_id, b.id as build_id, b.workspace_id
    from ended e left join workspace_builds b on b.job_id = e.id`,
  )

/** CTEs over `ended`. Only an import has variables. */
const foundVariables = (variables: readonly ReportedVariable[]): SQL =>
  variables.length === 0
    ? sql`import_ended as (select 1)`
    : sql`import_ended as (
      select e.id, e.input from ended e where e.type = 'template_version_import'
    ), ${variableRows(sql`import_ended`, variables)}`
