// The job queue: jobs, their logs and timings, the daemons that run them, the keys of daemons.
import { sql } from "drizzle-orm"
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core"
import { prebuildsUserId } from "../prebuilds-user.ts"
import { bytea, id, instant } from "./columns.ts"
import { files } from "./files.ts"
import { organizations, users } from "./identity.ts"

export const provisionerKeys = pgTable(
  "provisioner_keys",
  {
    id: id(),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    hashedSecret: bytea("hashed_secret").notNull(),
    tags: jsonb("tags").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("provisioner_keys_name").on(t.organizationId, sql`lower(${t.name})`),
    uniqueIndex("provisioner_keys_secret").on(t.hashedSecret),
  ],
)

export const provisionerDaemons = pgTable(
  "provisioner_daemons",
  {
    id: id(),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "cascade" }),
    keyId: uuid("key_id")
      .notNull()
      .references(() => provisionerKeys.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    version: text("version").notNull().default(""),
    apiVersion: text("api_version").notNull().default("1.0"),
    provisioners: text("provisioners").array().notNull(),
    tags: jsonb("tags").$type<Record<string, string>>().notNull(),
    createdAt: instant("created_at").notNull(),
    lastSeenAt: instant("last_seen_at"),
  },
  (t) => [
    uniqueIndex("provisioner_daemons_identity").on(t.keyId, t.name),
    index("provisioner_daemons_seen").on(t.lastSeenAt),
  ],
)

/** Every rule depends on `job_status`, so the database computes it from the job's instants. */
export const provisionerJobs = pgTable(
  "provisioner_jobs",
  {
    id: id(),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    initiatorId: uuid("initiator_id")
      .notNull()
      .references(() => users.id),
    type: text("type").notNull(),
    provisioner: text("provisioner").notNull().default("terraform"),
    // What carries out the template. An import finds it out; other jobs take it from the import.
    engine: text("engine"),
    fileId: uuid("file_id")
      .notNull()
      .references(() => files.id),
    input: jsonb("input").notNull(),
    tags: jsonb("tags").$type<Record<string, string>>().notNull(),
    workerId: uuid("worker_id"),
    // Tokens that were minted when a build's job was acquired, by agent name: the SHA-256, and the
    // encrypted token if it must be shown again. They move to the agents when the job completes.
    agentTokens:
      jsonb("agent_tokens").$type<Record<string, { hash: string; encrypted?: string }>>(),
    error: text("error"),
    errorCode: text("error_code"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    startedAt: instant("started_at"),
    canceledAt: instant("canceled_at"),
    completedAt: instant("completed_at"),
    logsLength: integer("logs_length").notNull().default(0),
    logsOverflowed: boolean("logs_overflowed").notNull().default(false),
    jobStatus: text("job_status")
      .notNull()
      .generatedAlwaysAs(
        sql`case
          when completed_at is not null then case
            when error <> '' then 'failed'
            when canceled_at is not null then 'canceled'
            else 'succeeded' end
          when error <> '' then 'failed'
          when canceled_at is not null then 'canceling'
          when started_at is null then 'pending'
          else 'running' end`,
      ),
    // The order of the queue: jobs of people, then deletes of prebuilds, then new prebuilds.
    queueRank: integer("queue_rank")
      .notNull()
      .generatedAlwaysAs(
        sql`case
          when initiator_id <> '${sql.raw(prebuildsUserId)}' then 0
          when input @> '{"prebuild_delete": true}' then 1
          else 2 end`,
      ),
  },
  (t) => [
    // Acquire and the queue position read the pending jobs in this order.
    index("provisioner_jobs_queue")
      .on(t.organizationId, t.queueRank, t.createdAt, t.id)
      .where(sql`${t.startedAt} is null and ${t.completedAt} is null`),
    // The reaper reads all unfinished jobs.
    index("provisioner_jobs_unfinished")
      .on(t.updatedAt)
      .where(sql`${t.completedAt} is null`),
    // What began and what ended lately: the roll-ups and the retention go by these.
    index("provisioner_jobs_created").on(t.createdAt),
    index("provisioner_jobs_completed")
      .on(t.completedAt)
      .where(sql`${t.completedAt} is not null`),
    index("provisioner_jobs_worker")
      .on(t.workerId)
      .where(sql`${t.completedAt} is null`),
    index("provisioner_jobs_organization").on(t.organizationId, t.createdAt.desc()),
    index("provisioner_jobs_file").on(t.fileId),
    check(
      "provisioner_jobs_type",
      sql`${t.type} in ('template_version_import', 'workspace_build', 'template_version_dry_run')`,
    ),
    check("provisioner_jobs_engine", sql`${t.engine} in ('script', 'terraform')`),
    check("provisioner_jobs_logs_length", sql`${t.logsLength} between 0 and 1048576`),
    check("provisioner_jobs_started_by", sql`${t.workerId} is null or ${t.startedAt} is not null`),
  ],
)

export const provisionerJobLogs = pgTable(
  "provisioner_job_logs",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => provisionerJobs.id, { onDelete: "cascade" }),
    createdAt: instant("created_at").notNull(),
    source: text("source").notNull(),
    level: text("level").notNull(),
    stage: text("stage").notNull(),
    output: text("output").notNull(),
  },
  (t) => [
    index("provisioner_job_logs_job").on(t.jobId, t.id),
    index("provisioner_job_logs_created").using("brin", t.createdAt),
  ],
)

export const provisionerJobTimings = pgTable(
  "provisioner_job_timings",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => provisionerJobs.id, { onDelete: "cascade" }),
    startedAt: instant("started_at").notNull(),
    endedAt: instant("ended_at").notNull(),
    stage: text("stage").notNull(),
    source: text("source").notNull().default(""),
    action: text("action").notNull().default(""),
    resource: text("resource").notNull().default(""),
  },
  (t) => [index("provisioner_job_timings_job").on(t.jobId)],
)
