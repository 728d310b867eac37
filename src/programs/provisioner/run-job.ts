/** One job from its acquisition to its end: the archive, the engine, the lease, and the words that it ends with. */
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { AcquiredJob, CompleteRequest, FailRequest } from "../../queue/jobs/protocol.ts"
import type { Engine } from "./engines/engine.ts"
import { plannedAfter } from "./engines/script-output.ts"
import type { ArchiveCache } from "./archive-cache.ts"
import { persist, Refused, type ControlPlane } from "./control-plane.ts"
import { findManifest, importTemplate } from "./import-job.ts"
import { holdLease, leaseTiming, type Lease, type LeaseTiming } from "./lease.ts"
import type { ServerClock } from "../server-clock.ts"
import { BadArchive, unpackArchive } from "./unpack.ts"

export type JobContext = {
  plane: ControlPlane
  daemon: string
  clock: ServerClock
  cache: ArchiveCache
  engine: Engine
  report: (line: string) => void
  /** Aborted when the daemon is told twice to end: its jobs are canceled. */
  abandoned: AbortSignal
  timing?: LeaseTiming
}

/** How long the end of a job is offered to a control plane that is away. Beyond that it has reaped the job. */
const END_MS_MAX = 10 * 60_000

type Outcome = { complete: CompleteRequest } | { fail: FailRequest }

export async function runJob(context: JobContext, job: AcquiredJob): Promise<void> {
  const { plane, daemon, clock, report } = context
  const lease = holdLease(plane, daemon, job.job_id, clock, context.timing ?? leaseTiming)
  const scratch = await mkdtemp(join(tmpdir(), "dormouse-job-"))
  let outcome: Outcome
  try {
    outcome = await carryOut(context, job, lease, scratch)
  } catch (error) {
    outcome = { fail: { error: error instanceof Error ? error.message : String(error) } }
  } finally {
    await lease.close()
    await rm(scratch, { recursive: true, force: true, maxRetries: 3 })
  }
  // What a cancel brought about is no failure of the template's.
  if ("fail" in outcome && lease.canceled.aborted) outcome.fail.canceled = true
  if (lease.isLost()) return report(`job ${job.job_id}: the control plane has given it up`)
  try {
    await persist(() => tell(context, job, outcome), END_MS_MAX)
  } catch (error) {
    report(
      `job ${job.job_id}: its end was not taken: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

async function tell(context: JobContext, job: AcquiredJob, outcome: Outcome): Promise<void> {
  const { plane, daemon, report } = context
  if ("fail" in outcome) {
    await plane.fail(daemon, job.job_id, outcome.fail)
    return report(`job ${job.job_id}: failed: ${outcome.fail.error.split("\n", 1)[0]}`)
  }
  try {
    await plane.complete(daemon, job.job_id, outcome.complete)
    return report(`job ${job.job_id}: done`)
  } catch (error) {
    // A result that is not acceptable fails the job with the reason, instead of leaving it to the reaper without one.
    if (!(error instanceof Refused) || ![400, 413, 422].includes(error.status)) throw error
    return tell(context, job, { fail: { error: `The result was not accepted: ${error.message}` } })
  }
}

async function carryOut(
  context: JobContext,
  job: AcquiredJob,
  lease: Lease,
  scratch: string,
): Promise<Outcome> {
  const { plane, daemon, clock, cache } = context
  const canceled = AbortSignal.any([lease.canceled, context.abandoned])
  const startedAt = clock.now()
  const archive = await cache.get(job.file_hash, () =>
    persist(() => plane.archive(daemon, job.job_id), END_MS_MAX, canceled),
  )
  const directory = join(scratch, "template")
  await mkdir(directory)
  try {
    const { skipped } = await unpackArchive(archive, directory)
    for (const name of skipped.slice(0, 20)) {
      lease.log({
        level: "warn",
        stage: "Unpacking",
        output: `${name} is a link or a device and was left out.`,
      })
    }
  } catch (error) {
    if (error instanceof BadArchive) return { fail: { error: error.message } }
    throw error
  }
  const found = await findManifest(directory)
  if (!found.ok) return { fail: { error: found.error } }
  if (canceled.aborted) return { fail: { error: "The job was canceled." } }
  const { manifest } = found
  switch (job.type) {
    case "template_version_import":
      return importTemplate(directory, manifest, job.import?.user_variable_values ?? [])
    case "template_version_dry_run":
      return {
        complete: { type: "template_version_dry_run", resources: plannedAfter(manifest, "start") },
      }
    case "workspace_build":
      break
    default:
      return job.type satisfies never
  }
  const { build } = job
  if (build === undefined) return { fail: { error: "The job names no build." } }
  const engineFiles = join(scratch, "engine")
  await mkdir(engineFiles, { mode: 0o700 })
  const readyAt = clock.now()
  const request = { directory, scratch: engineFiles, manifest, job, build }
  const result = await context.engine.build(request, { log: lease.log, canceled })
  const timings = [
    timing("init", "archive", "fetch", startedAt, readyAt),
    timing("apply", "script", build.transition, readyAt, clock.now()),
  ]
  const state = result.state?.toString("base64") ?? null
  if (!result.ok)
    return { fail: { error: result.error, timings, ...(state !== null && { state }) } }
  const { resources, replacements } = result
  return { complete: { type: "workspace_build", resources, state, timings, replacements } }
}

const timing = (stage: string, source: string, action: string, startedAt: Date, endedAt: Date) => ({
  stage,
  source,
  action,
  resource: "",
  started_at: startedAt.toISOString(),
  ended_at: (endedAt < startedAt ? startedAt : endedAt).toISOString(),
})
