/** The daemon: registers, listens, takes jobs up to its number, and drains when it is told to end. */
import { setTimeout as sleep } from "node:timers/promises"
import type { AcquiredJob } from "../../queue/jobs/protocol.ts"
import { type Line, LineRefused } from "../port-forward/socket.ts"
import { persist, Refused, type ControlPlane } from "./control-plane.ts"

export type DaemonTiming = {
  heartbeatMs: number
  /** How long after an empty queue it is asked again while no line is open, on which the control plane would say so. */
  pollMs: number
  pingMs: number
  silentMsMax: number
  reconnectMsMin: number
  reconnectMsMax: number
}

export const daemonTiming: DaemonTiming = {
  heartbeatMs: 60_000,
  pollMs: 30_000,
  pingMs: 15_000,
  silentMsMax: 40_000,
  reconnectMsMin: 500,
  reconnectMsMax: 30_000,
}

export type DaemonOptions = {
  plane: ControlPlane
  name: string
  version: string
  tags: Record<string, string> | undefined
  jobCountMax: number
  run: (daemon: string, job: AcquiredJob) => Promise<void>
  report: (line: string) => void
  timing?: DaemonTiming
}

export type Daemon = {
  /** Ends when the daemon has drained, or throws when the control plane will not have it. */
  done: Promise<void>
  /** Takes no more jobs; `done` follows when the running ones have ended. */
  drain: () => void
}

export function startDaemon(options: DaemonOptions): Daemon {
  const draining = new AbortController()
  return { done: work(options, draining.signal), drain: () => draining.abort() }
}

async function work(options: DaemonOptions, draining: AbortSignal): Promise<void> {
  const timing = options.timing ?? daemonTiming
  for (;;) {
    const daemon = await register(options, draining)
    if (daemon === null) return
    options.report(`registered as ${options.name}`)
    if ((await serve(options, daemon, timing, draining)) === "drained") return
    // The row of a machine that slept for a week has been cleared away.
    options.report("the control plane does not know this daemon any more: registering again")
    await sleep(timing.reconnectMsMax, undefined, { signal: draining }).catch(() => undefined)
  }
}

/** The daemon's id, or null where it was told to end before there was one. */
async function register(options: DaemonOptions, draining: AbortSignal): Promise<string | null> {
  const ask = () =>
    options.plane.register({
      name: options.name,
      version: options.version,
      provisioners: ["terraform"],
      ...(options.tags !== undefined && { tags: options.tags }),
    })
  if (draining.aborted) return null
  try {
    return (await persist(ask, Number.POSITIVE_INFINITY, draining)).id
  } catch (error) {
    if (draining.aborted) return null
    throw error
  }
}

type End = "drained" | "unknown"

/** Takes jobs under this id until the daemon is told to end, or nobody knows the id. Throws when the key is not good any more. */
async function serve(
  options: DaemonOptions,
  daemon: string,
  timing: DaemonTiming,
  draining: AbortSignal,
): Promise<End> {
  const wake = createWake()
  const places = createPlaces(options.jobCountMax)
  draining.addEventListener("abort", wake.ring)
  const over = new AbortController()
  const ending = AbortSignal.any([draining, over.signal])
  const listening = listen(options.plane, daemon, timing, { wake, places }, ending)
  const beating = beat(options, daemon, timing, wake, ending)
  try {
    return await takeJobs(options, daemon, timing, { wake, places }, draining)
  } finally {
    draining.removeEventListener("abort", wake.ring)
    over.abort()
    await Promise.all([listening, beating])
  }
}

/**
 * Takes jobs while there are free places. Who finds the queue empty waits for a wake-up: while the line is open the control plane
 * tells of each job, or finds within 30 s that it did not, so nothing is asked meanwhile.
 */
async function takeJobs(
  { plane, jobCountMax, run, report }: DaemonOptions,
  daemon: string,
  timing: DaemonTiming,
  { wake, places }: { wake: Wake; places: Places },
  draining: AbortSignal,
): Promise<End> {
  const running = new Set<Promise<void>>()
  try {
    while (!draining.aborted) {
      if (running.size >= jobCountMax) {
        await Promise.race(running)
        continue
      }
      const heard = wake.count()
      const job = await acquire(plane, daemon, report)
      if (job === "unknown") return "unknown"
      if (job === "none") places.tell()
      if (job === "none" || job === "away") {
        const isTold = job === "none" && wake.isListening()
        await wake.after(heard, isTold ? null : timing.pollMs)
        continue
      }
      report(`job ${job.job_id}: ${describe(job)}`)
      const one = run(daemon, job).finally(() => {
        running.delete(one)
        places.taken(running.size)
        wake.ring()
      })
      running.add(one)
      places.taken(running.size)
    }
    return "drained"
  } finally {
    if (running.size > 0) report(`draining: waiting for ${running.size} running jobs`)
    await Promise.all(running)
  }
}

/** The next job; or that none waits, nobody answers, the daemon is unknown. Throws when the key is not good any more. */
async function acquire(
  plane: ControlPlane,
  daemon: string,
  report: DaemonOptions["report"],
): Promise<AcquiredJob | "none" | "away" | "unknown"> {
  try {
    return (await plane.acquire(daemon)) ?? "none"
  } catch (error) {
    if (error instanceof Refused && error.status === 401) throw error
    if (error instanceof Refused && error.status === 404) return "unknown"
    report(`no job could be asked for: ${error instanceof Error ? error.message : String(error)}`)
    return "away"
  }
}

const describe = (job: AcquiredJob) =>
  job.build === undefined
    ? job.type
    : `${job.build.transition} ${job.build.owner.username}/${job.build.workspace.name} (build ${job.build.number})`

type Places = ReturnType<typeof createPlaces>

/**
 * Tells the control plane how many places are left, so that it wakes a daemon that can take the job. It counts each wake-up as a place
 * taken until it hears again, so that one which brought no job is to be answered as well.
 */
function createPlaces(countMax: number) {
  let free = countMax
  let line: Line | null = null
  const tell = () => line?.send(JSON.stringify({ type: "free", count: free }))
  return {
    tell,
    taken(count: number): void {
      free = countMax - count
      tell()
    },
    /** From now on it is told over this line, which is open. */
    tellOver(open: Line): void {
      line = open
      tell()
    },
  }
}

type Wake = ReturnType<typeof createWake>

/** A bell that counts: who looked at the count before they asked for a job misses no ring that came meanwhile. */
function createWake() {
  let count = 0
  let isListening = false
  let hear = () => {}
  const ring = () => {
    count += 1
    hear()
  }
  return {
    count: () => count,
    ring,
    /** Whether the line is open on which the control plane rings. */
    isListening: () => isListening,
    /** Rings, either way: of what was posted while no line was there, or since this one broke, nobody heard. */
    listen(isOpen: boolean): void {
      isListening = isOpen
      ring()
    },
    /** Ends at the first ring after `heard`, or after `msMax` where that is a number. For one who waits at a time. */
    async after(heard: number, msMax: number | null): Promise<void> {
      if (count !== heard) return
      const timer = new AbortController()
      const rung = new Promise<void>((resolve) => {
        hear = resolve
      })
      const late =
        msMax === null
          ? []
          : [sleep(msMax, undefined, { signal: timer.signal }).catch(() => undefined)]
      await Promise.race([rung, ...late])
      timer.abort()
    },
  }
}

async function beat(
  options: DaemonOptions,
  daemon: string,
  timing: DaemonTiming,
  wake: Wake,
  draining: AbortSignal,
): Promise<void> {
  while (!draining.aborted) {
    await sleep(timing.heartbeatMs, undefined, { signal: draining }).catch(() => undefined)
    if (draining.aborted) return
    await options.plane.heartbeat(daemon).catch((error: unknown) => {
      options.report(`no heartbeat: ${error instanceof Error ? error.message : String(error)}`)
      // Forgotten or revoked: who asks for a job draws the conclusion.
      if (error instanceof Refused) wake.ring()
    })
  }
}

/** Holds the line on which wake-ups come. While it is away the queue is asked each `pollMs` instead. */
async function listen(
  plane: ControlPlane,
  daemon: string,
  { pingMs, silentMsMax, reconnectMsMin, reconnectMsMax }: DaemonTiming,
  { wake, places }: { wake: Wake; places: Places },
  signal: AbortSignal,
): Promise<void> {
  let backoffMs = reconnectMsMin
  while (!signal.aborted) {
    try {
      const line = await plane.listen(daemon, { pingMs, silentMsMax, signal, onHint: wake.ring })
      backoffMs = reconnectMsMin
      places.tellOver(line)
      wake.listen(true)
      await line.closed
      wake.listen(false)
    } catch (error) {
      if (!(error instanceof LineRefused)) throw error
      backoffMs = Math.min(backoffMs * 2, reconnectMsMax)
    }
    if (signal.aborted) return
    await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
  }
}
