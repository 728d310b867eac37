// A provisioner job as clients see it: the SQL that gathers it as JSON, and its shape on the wire.
//
// The query of a page gathers its jobs too, so a page of workspaces costs one round trip.
import { z } from "@hono/zod-openapi"
import { type SQL, sql } from "drizzle-orm"
import { parseInstant } from "../platform/db/values.ts"
import { nilUuid, timeSchema, wireTime } from "../platform/http/wire.ts"
import { aliveSince, daemonStaleAfterMs, tagsMatch } from "./matching.ts"

/** A job's status, which the database computes from its instants and its error (`job_status`). */
export type JobStatus = "pending" | "running" | "succeeded" | "canceling" | "canceled" | "failed"

/** While a job has one of these, its workspace takes no other build. */
export const activeStatuses = [
  "pending",
  "running",
  "canceling",
] as const satisfies readonly JobStatus[]

/** The value of {@link jobJson}. Instants are text, as PostgreSQL writes them into JSON. */
export type JobJson = {
  id: string
  created_at: string
  started_at: string | null
  completed_at: string | null
  canceled_at: string | null
  error: string | null
  error_code: string | null
  status: JobStatus
  worker_id: string | null
  file_id: string
  tags: Record<string, string>
  organization_id: string
  initiator_id: string
  engine: "script" | "terraform" | null
  type: string
  template_version_id: string | null
  workspace_build_id: string | null
  logs_overflowed: boolean
  queue: { position: number; size: number } | null
}

export type MatchedProvisionersJson = {
  count: number
  available: number
  most_recently_seen: string | null
}

/**
 * The job under the alias `alias`, as JSON. Its place in the queue is computed only while it is
 * pending.
 */
export function jobJson(alias: string, now: Date): SQL {
  const j = sql.raw(alias)
  return sql`json_build_object(
    'id', ${j}.id, 'created_at', ${j}.created_at, 'started_at', ${j}.started_at, 'completed_at',
    ${j}.completed_at,
    'canceled_at', ${j}.canceled_at, 'error', ${j}.error, 'error_code', ${j}.error_code, 'status',
    ${j}.job_status,
    'worker_id', ${j}.worker_id, 'file_id', ${j}.file_id, 'tags', ${j}.tags, 'organization_id',
    ${j}.organization_id,
    'initiator_id', ${j}.initiator_id, 'engine', ${j}.engine, 'type', ${j}.type,
    'template_version_id', ${j}.input ->> 'template_version_id',
    'workspace_build_id', ${j}.input ->> 'workspace_build_id', 'logs_overflowed',
    ${j}.logs_overflowed,
    'queue', case when ${j}.job_status = 'pending' then ${queueJson(alias, now)} end)`
}

/**
 * The job's best position and the largest size over the tag sets of live daemons that may run it.
 * Positions follow the order in which `acquire_job` takes jobs (index provisioner_jobs_queue). A
 * daemon serves its own organization, so only that organization's jobs compete.
 */
function queueJson(alias: string, now: Date): SQL {
  const j = sql.raw(alias)
  return sql`(
    select json_build_object('position', coalesce(min(q.position), 0), 'size',
      coalesce(max(q.size), 0))
    from (
      select distinct d.tags from provisioner_daemons d
      where d.organization_id = ${j}.organization_id and ${j}.provisioner = any(d.provisioners)
        and d.last_seen_at >= ${aliveSince(now)}::timestamptz
          and ${tagsMatch(sql`${j}.tags`, sql`d.tags`)}
    ) s
    cross join lateral (
      select count(*) as size, count(*) filter (where
        (p.queue_rank, p.created_at, p.id) <= (${j}.queue_rank, ${j}.created_at,
          ${j}.id)) as position
      from provisioner_jobs p
      where p.organization_id = ${j}.organization_id and p.started_at is null
        and p.completed_at is null
        and p.job_status = 'pending' and p.provisioner = ${j}.provisioner
          and ${tagsMatch(sql`p.tags`, sql`s.tags`)}
    ) q)`
}

/**
 * The daemons that may run the job: how many there are, how many were alive when it was created,
 * and the latest `last_seen_at`.
 */
export function matchedProvisionersJson(alias: string): SQL {
  const j = sql.raw(alias)
  return sql`(
    select json_build_object('count', count(*), 'available', count(*) filter (
      where d.last_seen_at >= ${j}.created_at - make_interval(secs =>
        ${sql.raw(String(daemonStaleAfterMs / 1000))})),
      'most_recently_seen', max(d.last_seen_at))
    from provisioner_daemons d
    where d.organization_id = ${j}.organization_id and ${j}.provisioner = any(d.provisioners)
      and ${tagsMatch(sql`${j}.tags`, sql`d.tags`)})`
}

export const jobSchema = z
  .object({
    id: z.uuid(),
    created_at: timeSchema,
    started_at: timeSchema.optional(),
    completed_at: timeSchema.optional(),
    canceled_at: timeSchema.optional(),
    error: z.string().optional(),
    error_code: z.string().optional(),
    status: z.enum([
      "pending",
      "running",
      "succeeded",
      "canceling",
      "canceled",
      "failed",
      "unknown",
    ]),
    worker_id: z.uuid().optional(),
    worker_name: z.string().optional(),
    file_id: z.uuid(),
    tags: z.record(z.string(), z.string()),
    queue_position: z.int(),
    queue_size: z.int(),
    organization_id: z.uuid(),
    initiator_id: z.uuid(),
    input: z.object({
      template_version_id: z.uuid().optional(),
      workspace_build_id: z.uuid().optional(),
      error: z.string().optional(),
    }),
    type: z.enum(["template_version_import", "workspace_build", "template_version_dry_run"]),
    engine: z.enum(["script", "terraform"]).optional().openapi({
      description: "What carries it out. Unknown until an import has read its archive.",
    }),
    available_workers: z.array(z.uuid()).optional(),
    metadata: z.object({
      template_version_name: z.string(),
      template_id: z.string(),
      template_name: z.string(),
      template_display_name: z.string(),
      template_icon: z.string(),
      workspace_id: z.uuid().optional(),
      workspace_name: z.string().optional(),
      workspace_build_transition: z.string().optional(),
    }),
    logs_overflowed: z.boolean(),
  })
  .openapi("ProvisionerJob")
export type JobView = z.infer<typeof jobSchema>

export const matchedProvisionersSchema = z
  .object({ count: z.int(), available: z.int(), most_recently_seen: timeSchema.nullable() })
  .openapi("MatchedProvisioners")
export type MatchedProvisionersView = z.infer<typeof matchedProvisionersSchema>

/** RFC 3339 from an instant that PostgreSQL wrote into JSON. */
export const wireInstant = (text: string) => wireTime(parseInstant(text))
export const wireInstantOrNull = (text: string | null) => (text === null ? null : wireInstant(text))

const blankMetadata = {
  template_version_name: "",
  template_id: nilUuid,
  template_name: "",
  template_display_name: "",
  template_icon: "",
}

/**
 * Converts a job inside of a build or a version, where the worker's name, the workers and the
 * metadata stay empty.
 */
export function toJobView(job: JobJson): JobView {
  return {
    id: job.id,
    created_at: wireInstant(job.created_at),
    ...(job.started_at && { started_at: wireInstant(job.started_at) }),
    ...(job.completed_at && { completed_at: wireInstant(job.completed_at) }),
    ...(job.canceled_at && { canceled_at: wireInstant(job.canceled_at) }),
    ...(job.error && { error: job.error }),
    ...(job.error_code && { error_code: job.error_code }),
    status: job.status,
    ...(job.worker_id && { worker_id: job.worker_id }),
    file_id: job.file_id,
    tags: job.tags,
    queue_position: job.queue?.position ?? 0,
    queue_size: job.queue?.size ?? 0,
    organization_id: job.organization_id,
    initiator_id: job.initiator_id,
    input: {
      ...(job.template_version_id && { template_version_id: job.template_version_id }),
      ...(job.workspace_build_id && { workspace_build_id: job.workspace_build_id }),
    },
    type: job.type as JobView["type"],
    ...(job.engine && { engine: job.engine }),
    metadata: blankMetadata,
    logs_overflowed: job.logs_overflowed,
  }
}

export function toMatchedProvisionersView(
  matched: MatchedProvisionersJson | null,
): MatchedProvisionersView {
  return {
    count: matched?.count ?? 0,
    available: matched?.available ?? 0,
    most_recently_seen: wireInstantOrNull(matched?.most_recently_seen ?? null),
  }
}
