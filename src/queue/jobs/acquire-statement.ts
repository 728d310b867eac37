// Takes a job off the queue in one statement.
//
// It picks the job, leases it, mints its agents' tokens and gathers everything that the daemon
// needs. A daemon that crashes afterwards leaves only a lease that expires. The work is in the
// function `acquire_job` below `migrations/code/queue`, which says which index it walks.
import { sql } from "drizzle-orm"
import { statement } from "../../platform/db/client.ts"
import type { AcquiredJob } from "./protocol.ts"

type Named = { name: string; value: string }

/** The fields are null if no job waits. */
export type AcquiredRow = {
  daemon_id: string
  organization_id: string
  workspace_id: string | null
  has_external_agent: boolean
  /**
   * Encrypted tokens of the workspace's last agents, by name; only if the version has an external
   * agent.
   */
  known_tokens: Record<string, string> | null
  /** Instants are as PostgreSQL writes them into JSON. */
  job:
    | (Omit<AcquiredJob, "import" | "dry_run" | "build" | "access_url"> & {
        import: { user_variable_values: Named[] } | null
        dry_run: AcquiredJob["dry_run"] | null
        build: BuildRow | null
      })
    | null
}
type BuildRow = Omit<NonNullable<AcquiredJob["build"]>, "stage" | "access_url" | "log_level"> & {
  stage: number | null
  log_level: string | null
}

/** Returns the daemon if it belongs to the calling key, with the job that it got, if any. */
export const acquireJob = (daemonId: string, now: Date) =>
  statement<AcquiredRow>(
    "provisioner-jobs.acquire",
    sql`select * from acquire_job(${daemonId}::uuid, ${now}::timestamptz)`,
  )

export type StoredToken = { hash: string; encrypted: string }

/** Replaces the minted tokens of a leased job by ones that can be shown again. */
export const storeTokens = (jobId: string, daemonId: string, tokens: Record<string, StoredToken>) =>
  statement<{ id: string }>(
    "provisioner-jobs.store-tokens",
    sql`update provisioner_jobs set agent_tokens = ${JSON.stringify(tokens)}::jsonb
      where id = ${jobId}::uuid and worker_id = ${daemonId}::uuid and completed_at is null
        returning id`,
  )
