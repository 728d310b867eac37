// A daemon's update of its job: the lease, log lines, the README of an import.
import { sql } from "drizzle-orm"
import { statement } from "../../platform/db/client.ts"
import { actorKeyId } from "../daemons/actor.ts"
import { logCounters, logInsert } from "./log-lines.ts"
import type { LogLine } from "./protocol.ts"

export type JobUpdate = {
  daemonId: string
  jobId: string
  logs: readonly LogLine[]
  readme: string | null
  now: Date
}

/**
 * Renews the lease; one row if it was renewed. Precondition: the job is running, and its daemon
 * belongs to the key. A second run renews again and adds its lines again: a daemon repeats an
 * update only when it knows that it failed.
 */
export const updateJob = (update: JobUpdate) =>
  statement<{ canceled: boolean }>(
    "provisioner-jobs.update",
    sql`with held as (
      select j.id as job_id, j.logs_length, j.logs_overflowed, j.input from provisioner_jobs j
      where ${holds(update)} for update of j
    ), ${logInsert(update.logs, update.now)}, readme as (
      update template_versions v set readme = ${update.readme}::text
      from held h where ${update.readme}::text is not null and v.job_id = h.job_id
    )
    update provisioner_jobs j set updated_at = greatest(j.updated_at, ${update.now}::timestamptz),
      ${logCounters}
    from held h where j.id = h.job_id
    returning j.canceled_at is not null as canceled`,
  )

type Holder = { daemonId: string; jobId: string }

/** True for the running job `j` of a daemon of the calling key. */
export const holds = ({
  daemonId,
  jobId,
}: Holder) => sql`j.id = ${jobId}::uuid and j.worker_id = ${daemonId}::uuid
  and j.completed_at is null
  and exists (select 1 from provisioner_daemons d where d.id = j.worker_id
    and d.key_id = ${actorKeyId})`

/**
 * Explains why a job could not be changed; no row if the job or the daemon does not exist for this
 * key.
 */
export const explainHolder = ({ daemonId, jobId }: Holder) =>
  statement<{ type: string; is_own: boolean; is_completed: boolean }>(
    "provisioner-jobs.explain-holder",
    sql`select j.type, coalesce(j.worker_id = d.id, false) as is_own,
      j.completed_at is not null as is_completed
    from provisioner_daemons d join provisioner_jobs j on j.organization_id = d.organization_id
    where d.id = ${daemonId}::uuid and d.key_id = ${actorKeyId} and j.id = ${jobId}::uuid`,
  )

/** Finds the archive of a job that the daemon holds. */
export const jobFile = (holder: Holder) =>
  statement<{ hash: string; mimetype: string; size_bytes: number }>(
    "provisioner-jobs.file",
    sql`select f.hash, f.mimetype, f.size_bytes
      from provisioner_jobs j join files f on f.id = j.file_id where ${holds(holder)}`,
  )
