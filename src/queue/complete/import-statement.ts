// The end of an import, in one statement.
//
// It writes the version's parameters, variables, presets and planned resources.
import { sql } from "drizzle-orm"
import { statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import { type ImportResult, importRows } from "../../templates/versions/import-rows.ts"
import type { EndedJob } from "../jobs/fail.ts"
import type { Holder } from "./build-statement.ts"
import { resourceInserts } from "./resource-inserts.ts"
import type { ResourceRows } from "./resource-rows.ts"
import type { EngineName } from "../jobs/protocol.ts"
import { type Timing, timingInsert } from "../jobs/timings.ts"
import { holds } from "../jobs/update.ts"

export type ImportCompletion = Holder & {
  result: ImportResult
  tags: Record<string, string>
  engine: EngineName
  timings: readonly Timing[]
  rows: ResourceRows
  now: Date
}

/** Reads the values that the author gave for the version's variables. */
export const readImportFacts = (holder: Holder) =>
  statement<{ user_variable_values: { name: string; value: string }[] | null }>(
    "provisioner-jobs.import-facts",
    sql`select j.input -> 'user_variable_values' as user_variable_values
      from provisioner_jobs j where ${holds(holder)}`,
  )

/**
 * Completes the import; one row if it is complete now. The preconditions are those of every end of
 * a job. A version never changes again, so everything that builds read of it is written here. The
 * plan's tags are added to the job's, where builds look for them.
 */
export const completeImportJob = (completion: ImportCompletion) => {
  const at = sql`${completion.now}::timestamptz`
  return statement<EndedJob>(
    "provisioner-jobs.complete-import",
    sql`with target as (
      select j.id as job_id, null::uuid as build_id, null::uuid as workspace_id
      from provisioner_jobs j join template_versions v on v.job_id = j.id
      where ${holds(completion)} for update of j
    ), ended as (
      update provisioner_jobs j set completed_at = ${at}, updated_at = ${at}, error = null,
        error_code = null,
        engine = ${completion.engine}, tags = j.tags || ${json(completion.tags)}
      from target t where j.id = t.job_id
      returning j.id, j.type, j.organization_id, j.input
    ), ${importRows(sql`ended`, completion.result, completion.now)},
      ${timingInsert(completion.timings, completion.now)},
    ${resourceInserts(completion.rows, completion.now)}
    select e.id, e.type, e.organization_id, null::uuid as build_id, null::uuid as workspace_id
      from ended e`,
  )
}

/**
 * Completes a dry run and stores its planned resources. The update's own condition is the
 * precondition; PostgreSQL checks it again on the locked row.
 */
export const completeDryRunJob = (
  completion: Holder & { rows: ResourceRows; timings: readonly Timing[]; now: Date },
) =>
  statement<EndedJob>(
    "provisioner-jobs.complete-dry-run",
    sql`with target as (
      update provisioner_jobs j set completed_at = ${completion.now}::timestamptz,
        updated_at = ${completion.now}::timestamptz
      where ${holds(completion)} and j.type = 'template_version_dry_run'
      returning j.id as job_id, j.type, j.organization_id, null::uuid as build_id,
        null::uuid as workspace_id
    ), ended as (select t.job_id as id from target t),
      ${timingInsert(completion.timings, completion.now)},
    ${resourceInserts(completion.rows, completion.now)}
    select t.job_id as id, t.type, t.organization_id, t.build_id, t.workspace_id from target t`,
  )
