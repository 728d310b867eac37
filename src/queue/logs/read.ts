// A job's log as clients see it, and the statement that reads on from a line.
import { z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { type Statement, statement } from "../../platform/db/client.ts"
import { timeSchema } from "../../platform/http/wire.ts"
import { wireInstant } from "../view.ts"

export type LogJson = {
  id: number
  created_at: string
  log_source: "provisioner_daemon" | "provisioner"
  log_level: "trace" | "debug" | "info" | "warn" | "error"
  stage: string
  output: string
}

export const jobLogSchema = z
  .object({
    id: z.int(),
    created_at: timeSchema,
    log_source: z.enum(["provisioner_daemon", "provisioner"]),
    log_level: z.enum(["trace", "debug", "info", "warn", "error"]),
    stage: z.string(),
    output: z.string(),
  })
  .openapi("ProvisionerJobLog")

export type JobLogView = z.infer<typeof jobLogSchema>

export const toJobLogView = (log: LogJson): JobLogView => ({
  ...log,
  created_at: wireInstant(log.created_at),
})

/** The most lines of one read. A log is at most 1 MiB, but its lines may be very short. */
export const logLinesMax = 20_000

/**
 * Reads the lines after `after`, and whether the job had ended at that instant: a completed job
 * gets no further lines.
 */
export const readLogs = (
  jobId: string,
  after: number,
): Statement<{ completed: boolean; logs: LogJson[] }> =>
  statement(
    "jobs.logs",
    sql`select j.completed_at is not null as completed, (
      select coalesce(json_agg(l order by l.id), '[]') from (
        select l.id, l.created_at, l.source as log_source, l.level as log_level, l.stage, l.output
        from provisioner_job_logs l where l.job_id = j.id and l.id > ${after}::bigint
        order by l.id limit ${logLinesMax}) l) as logs
    from provisioner_jobs j where j.id = ${jobId}::uuid`,
  )

/** Renders the text form, one line each. */
export const toLogText = (logs: readonly LogJson[]) =>
  logs
    .map(
      (log) =>
        `${wireInstant(log.created_at)} [${log.log_level}] ` +
        `[${log.log_source}|${log.stage}] ${log.output}\n`,
    )
    .join("")
