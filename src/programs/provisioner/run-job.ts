// One job from its acquisition to its end: the archive, the engine, the lease, and the report.
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type {
  AcquiredJob,
  CompleteRequest,
  EngineName,
  FailRequest,
} from "../../queue/jobs/protocol.ts"
import type { ServerClock } from "../server-clock.ts"
import type { ArchiveCache } from "./archive-cache.ts"
import { type ControlPlane, persist, Refused } from "./control-plane.ts"
import type {
  Engine,
  EngineFailure,
  EngineRequest,
  EngineSession,
  Timing,
} from "./engines/engine.ts"
import { findEngine } from "./engines/find-engine.ts"
import { timingOf } from "./engines/timing.ts"
import { holdLease, type Lease, leaseTiming, type LeaseTiming } from "./lease.ts"
import { jobFolderPrefix, markApply } from "./left-behind.ts"
import { BadArchive, unpackArchive } from "./unpack.ts"

export type JobContext = {
  plane: ControlPlane
  daemon: string
  clock: ServerClock
  cache: ArchiveCache
  engines: Record<EngineName, Engine>
  report: (line: string) => void
  /** Aborted when the daemon is stopped twice: its jobs are canceled. */
  abandoned: AbortSignal
  timing?: LeaseTiming
}

/**
 * How long the end of a job is retried while the control plane is unavailable. After that it has
 * reaped the job.
 */
const endMsMax = 10 * 60_000
const readmeBytesMax = 512 * 1024
const skippedShownMax = 20

type Outcome = ({ complete: CompleteRequest } | { fail: FailRequest }) & { keepsFiles?: boolean }

export async function runJob(context: JobContext, job: AcquiredJob): Promise<void> {
  const { plane, daemon, clock, report } = context
  const lease = holdLease(plane, daemon, job.job_id, clock, context.timing ?? leaseTiming)
  const scratch = await mkdtemp(join(tmpdir(), jobFolderPrefix))
  let outcome: Outcome
  try {
    outcome = await carryOut(context, job, lease, scratch)
  } catch (error) {
    outcome = { fail: { error: messageOf(error) } }
  } finally {
    await lease.close()
  }
  // The failure that a cancel caused is not the template's.
  if ("fail" in outcome && lease.canceled.aborted) outcome.fail.canceled = true
  const isDelivered = await deliver(context, job, lease, outcome)
  // The folder of a build holds the only copy of its state until the control plane has it.
  if (outcome.keepsFiles || (!isDelivered && job.type === "workspace_build")) {
    return report(`job ${job.job_id}: its files are kept in ${scratch}`)
  }
  await rm(scratch, { recursive: true, force: true, maxRetries: 3 })
}

/** True if the control plane accepted the end of the job. */
async function deliver(
  context: JobContext,
  job: AcquiredJob,
  lease: Lease,
  outcome: Outcome,
): Promise<boolean> {
  if (lease.isLost()) {
    context.report(`job ${job.job_id}: the control plane has given it up`)
    return false
  }
  try {
    await persist(() => send(context, job, outcome), endMsMax)
    return true
  } catch (error) {
    context.report(`job ${job.job_id}: its end was not accepted: ${messageOf(error)}`)
    return false
  }
}

async function send(context: JobContext, job: AcquiredJob, outcome: Outcome): Promise<void> {
  const { plane, daemon, report } = context
  if ("fail" in outcome) {
    await plane.fail(daemon, job.job_id, outcome.fail)
    return report(`job ${job.job_id}: failed: ${outcome.fail.error.split("\n", 1)[0]}`)
  }
  try {
    await plane.complete(daemon, job.job_id, outcome.complete)
    return report(`job ${job.job_id}: done`)
  } catch (error) {
    // A rejected result fails the job with the reason. Otherwise the reaper would end it without
    // one.
    if (!(error instanceof Refused) || ![400, 413, 422].includes(error.status)) throw error
    const state = "state" in outcome.complete ? outcome.complete.state : null
    return send(context, job, {
      fail: {
        error: `The result was not accepted: ${error.message}`,
        // What was built exists, and the next build must know of it.
        ...(typeof state === "string" && error.status !== 413 && { state }),
      },
    })
  }
}

async function carryOut(
  context: JobContext,
  job: AcquiredJob,
  lease: Lease,
  scratch: string,
): Promise<Outcome> {
  const { clock } = context
  const canceled = AbortSignal.any([lease.canceled, context.abandoned])
  const startedAt = clock.now()
  const directory = join(scratch, "template")
  await mkdir(directory)
  try {
    await fetchTemplate(context, job, { directory, lease, canceled })
  } catch (error) {
    if (error instanceof BadArchive) return { fail: { error: error.message } }
    throw error
  }
  const found = await findEngine(directory)
  if (!found.ok) return { fail: { error: found.error } }
  if (canceled.aborted) return { fail: { error: "The job was canceled." } }
  const fetched = timingOf(clock, { stage: "init", source: "archive", action: "fetch" }, startedAt)
  const engineFiles = join(scratch, "engine")
  await mkdir(engineFiles, { mode: 0o700 })
  const request = { directory, scratch: engineFiles, job }
  const session: EngineSession = {
    log: lease.log,
    canceled,
    clock,
    onApply: (toolPid) =>
      void markApply(scratch, { daemon: context.daemon, job: job.job_id, toolPid }).catch(
        (error: unknown) => context.report(`job ${job.job_id}: not marked: ${messageOf(error)}`),
      ),
  }
  return runEngine(context.engines[found.name], found.name, request, session, fetched)
}

/** Throws `BadArchive`, or what the download throws. */
async function fetchTemplate(
  { plane, daemon, cache }: JobContext,
  job: AcquiredJob,
  { directory, lease, canceled }: { directory: string; lease: Lease; canceled: AbortSignal },
): Promise<void> {
  const archive = await cache.get(job.file_hash, () =>
    persist(() => plane.archive(daemon, job.job_id), endMsMax, canceled),
  )
  const { skipped } = await unpackArchive(archive, directory)
  for (const name of skipped.slice(0, skippedShownMax)) {
    const output = `${name} is a link or a device and was left out.`
    lease.log({ level: "warn", stage: "Unpacking", output })
  }
}

async function runEngine(
  engine: Engine,
  name: EngineName,
  request: EngineRequest,
  session: EngineSession,
  fetched: Timing,
): Promise<Outcome> {
  const { job, directory } = request
  const ended = { engine: name }
  switch (job.type) {
    case "template_version_import": {
      // The archive names its engine even if its import fails.
      const result = await engine.importTemplate(request, session)
      if (!result.ok) return failureOf(result, ended, fetched)
      const readme = await readReadme(directory)
      return {
        complete: {
          ...ended,
          type: job.type,
          readme,
          plan: result.plan,
          timings: timings(fetched, result),
        },
      }
    }
    case "template_version_dry_run": {
      const result = await engine.dryRun(request, session)
      if (!result.ok) return failureOf(result, ended, fetched)
      return {
        complete: {
          ...ended,
          type: job.type,
          resources: result.resources,
          timings: timings(fetched, result),
        },
      }
    }
    case "workspace_build": {
      if (job.build === undefined) return { fail: { error: "The job names no build." } }
      const result = await engine.build({ ...request, build: job.build }, session)
      if (!result.ok) return failureOf(result, ended, fetched)
      const { resources, replacements } = result
      const state = result.state?.toString("base64") ?? null
      return {
        complete: {
          ...ended,
          type: job.type,
          resources,
          state,
          replacements,
          timings: timings(fetched, result),
        },
      }
    }
    default:
      return job.type satisfies never
  }
}

const timings = (fetched: Timing, result: { timings?: Timing[] }) => [
  fetched,
  ...(result.timings ?? []),
]

function failureOf(result: EngineFailure, ended: { engine: EngineName }, fetched: Timing): Outcome {
  const { error, errorCode, variables } = result
  const state = result.state?.toString("base64")
  return {
    keepsFiles: result.keepsFiles ?? false,
    fail: {
      ...ended,
      error,
      timings: timings(fetched, result),
      ...(errorCode !== undefined && { error_code: errorCode }),
      ...(variables !== undefined && { variables }),
      ...(state !== undefined && { state }),
    },
  }
}

async function readReadme(directory: string): Promise<string> {
  const text = await readFile(join(directory, "README.md"), "utf8").catch(() => "")
  return text.replaceAll("\0", "").slice(0, readmeBytesMax)
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
