// The daemon: registers, waits for wake-ups, takes jobs up to its number, and drains at its end.
import { setTimeout as sleep } from "node:timers/promises"
import type { AcquiredJob } from "../../queue/jobs/protocol.ts"
import { type Line, LineRefused } from "../port-forward/socket.ts"
import { persist, Refused, type ControlPlane } from "./control-plane.ts"

export type DaemonTiming = {
  heartbeatMs: number
  /** How often an empty queue is polled while no socket is open. */
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
  /** Called with the daemon's id after each registration. */
  onRegistered?: (daemon: string) => Promise<void>
  timing?: DaemonTiming
}

export type Daemon = {
  /** Resolves when the daemon has drained; rejects when the control plane rejects the daemon. */
  done: Promise<void>
  /** Takes no further jobs. `done` resolves when the running ones have ended. */
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
    void options.onRegistered?.(daemon)
    if ((await serve(options, daemon, timing, draining)) === "drained") return
    // The row of a machine that slept for a week has been purged.
    options.report("the control plane does not know this daemon any more: registering again")
    await sleep(timing.reconnectMsMax, undefined, { signal: draining }).catch(() => undefined)
  }
}

/** The daemon's id, or null if it was stopped before it had one. */
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

/**
 * Takes jobs under this id until the daemon is stopped or the id is unknown. Throws when the key is
 * no longer valid.
 */
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
 * Takes jobs while there are free places, and waits for a wake-up when the queue is empty. While
 * the socket is open the control plane announces each job, or repairs a missed wake-up within 30 s.
 * So the daemon does not poll then.
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

/**
 * The next job, or one of: the queue is empty, no answer, the daemon is unknown. Throws when the
 * key is no longer valid.
 */
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
 * Reports the free places, so that the control plane wakes a daemon that can take the job. It
 * counts each wake-up as a place in use until the next report. So a wake-up that brought no job is
 * answered as well.
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
    /** Reports over this socket, which is open, from now on. */
    tellOver(open: Line): void {
      line = open
      tell()
    },
  }
}

type Wake = ReturnType<typeof createWake>

/**
 * A counter of wake-ups. A caller that reads it before it asks for a job misses no wake-up after
 * that.
 */
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
    /** Whether the socket is open on which wake-ups arrive. */
    isListening: () => isListening,
    /** Counts a wake-up either way: jobs may have been posted while no socket was open. */
    listen(isOpen: boolean): void {
      isListening = isOpen
      ring()
    },
    /**
     * Resolves at the first wake-up after `heard`, or after `msMax` if that is a number. One waiter
     * at a time.
     */
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
      // Unknown or revoked: the next request for a job handles it.
      if (error instanceof Refused) wake.ring()
    })
  }
}

/** Keeps a socket open for wake-ups. Without one the queue is polled each `pollMs`. */
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
