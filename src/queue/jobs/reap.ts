// The reaper: ends jobs whose daemon fell silent and jobs that no daemon took, as failures.
//
// Afterwards their workspaces can be built again. It is a sweep of the tick.
import { sql } from "drizzle-orm"
import { nilRequest } from "../../audit/fragment.ts"
import { buildAudit, endedBuilds, failureNotices } from "../../builds/ended-builds.ts"
import { type Statement, statement } from "../../platform/db/client.ts"
import { json } from "../../platform/db/sql.ts"
import type { Sweep } from "../../sweeps.ts"
import {
  publishBuildChange,
  publishJobLogs,
  publishWorkspaces,
} from "../../platform/durable/publish.ts"

/** A started job is reaped after this time without an update, a job that nobody took later. */
const hungAfterMs = 5 * 60_000
const pendingAfterMs = 30 * 60_000
/** The most jobs that one tick ends; the rest are still due at the next. */
const reapedPerTickMax = 10

type ReapType = "hung" | "pending"

function sentence(type: ReapType): string {
  const minutes = (type === "hung" ? hungAfterMs : pendingAfterMs) / 60_000
  return `Coder: Build has been detected as ${type} for ${minutes} minutes`
}

/** The job's error. */
const reapError = (type: ReapType) => `${sentence(type)} and has been terminated by the reaper.`

const ruler = "-".repeat(72)

/** The lines that end the job's log, one millisecond apart. */
const reapLog = (type: ReapType) => [
  "",
  ruler,
  `${sentence(type)} and will be terminated.`,
  ruler,
  "",
]

export type ReapedJob = {
  id: string
  type: string
  reap_type: ReapType
  workspace_id: string | null
}

const types = ["hung", "pending"] as const
const texts = types.map((type) => ({
  reap_type: type,
  error: reapError(type),
  lines: reapLog(type),
}))

/**
 * Ends what is due at `tickAt`: at most ten jobs, in random order, so that no job blocks the rest.
 * The bounds are strict. A canceling job that no daemon took waits like a pending one and is then
 * called hung. Walks `provisioner_jobs_unfinished`.
 *
 * A row that another transaction holds is skipped. A job that ended or was renewed since the read
 * fails the condition on its locked version. Of two runs at once, the second skips what the first
 * holds; a later run finds the jobs ended. A build without a state keeps the previous build's.
 */
export function reapJobs(tickAt: Date): Statement<ReapedJob> {
  const at = sql`${tickAt}::timestamptz`
  const hungBefore = new Date(tickAt.getTime() - hungAfterMs)
  const pendingBefore = new Date(tickAt.getTime() - pendingAfterMs)
  return statement(
    "provisioner-jobs.reap",
    sql`with due as (
      select j.id, case when j.job_status = 'pending' then 'pending' else 'hung' end as reap_type
        from provisioner_jobs j
      where j.completed_at is null and j.updated_at < ${hungBefore}::timestamptz
        and (j.started_at is not null or j.updated_at < ${pendingBefore}::timestamptz)
      order by random() limit ${reapedPerTickMax}::int for update of j skip locked
    ), texts as (
      select * from jsonb_to_recordset(${json(texts)}) as x(reap_type text, error text, lines jsonb)
    ), ended as (
      update provisioner_jobs j set completed_at = ${at}, updated_at = ${at}, error = x.error,
        error_code = null, agent_tokens = null,
        started_at = case when d.reap_type = 'pending' then ${at} else j.started_at end
      from due d join texts x on x.reap_type = d.reap_type
      where j.id = d.id
      returning j.id, j.type, d.reap_type
    ), logged as (
      insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
      select e.id, ${at} + make_interval(secs => (l.n - 1) * 0.001), 'provisioner_daemon', 'error',
        coalesce((
          select nullif(p.stage, '') from provisioner_job_logs p where p.job_id = e.id
          order by p.id desc limit 1), 'Unknown'), l.line
      from ended e join texts x on x.reap_type = e.reap_type,
        jsonb_array_elements_text(x.lines) with ordinality as l(line, n)
      order by e.id, l.n
    ), kept as (
      update workspace_builds b set provisioner_state = p.provisioner_state
      from ended e, workspace_builds p
      where b.job_id = e.id and b.provisioner_state is null
        and p.workspace_id = b.workspace_id and p.build_number = b.build_number - 1
    ), ${endedBuilds()}, ${failureNotices(tickAt)},
      ${buildAudit({ ...nilRequest, now: tickAt }, 500)}
    select e.id, e.type, e.reap_type, b.workspace_id from ended e
      left join workspace_builds b on b.job_id = e.id`,
  )
}

export const reaperSweep: Sweep = {
  name: "reaper",
  async run({ db, env, now, waitUntil }) {
    const reaped = await db.all(reapJobs(now))
    const workspaceIds = reaped.flatMap((job) => job.workspace_id ?? [])
    if (workspaceIds.length > 0) waitUntil(publishWorkspaces(env, workspaceIds))
    for (const id of workspaceIds) waitUntil(publishBuildChange(env, id))
    waitUntil(
      publishJobLogs(
        env,
        reaped.map(({ id }) => id),
      ),
    )
    return {
      hung: reaped.filter((job) => job.reap_type === "hung").length,
      pending: reaped.filter((job) => job.reap_type === "pending").length,
    }
  },
}
