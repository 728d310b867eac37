/** The daemon: registers, listens, takes jobs up to its number, and drains when it is told to end. */
import { setTimeout as sleep } from "node:timers/promises"
import type { AcquiredJob } from "../../provisioners/protocol.ts"
import { persist, Refused, type ControlPlane } from "./control-plane.ts"

export type DaemonTiming = {
  heartbeatMs: number
  pollMs: number
  reconnectMsMin: number
  reconnectMsMax: number
}

export const daemonTiming: DaemonTiming = {
  heartbeatMs: 60_000,
  pollMs: 30_000,
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
  const listening = listen(options.plane, daemon, timing, { ring: wake.ring, places }, ending)
  const beating = beat(options, daemon, timing, ending)
  try {
    return await takeJobs(options, daemon, timing, { wake, places }, draining)
  } finally {
    draining.removeEventListener("abort", wake.ring)
    over.abort()
    await Promise.all([listening, beating])
  }
}

/** Takes jobs while there are free places. Whoever finds the queue empty waits for a wake-up, at most for a poll's length. */
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
      if (job === null) {
        await wake.after(heard, timing.pollMs)
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

/** The next job; null where none waits or nobody answers. Throws when the key is not good any more. */
async function acquire(
  plane: ControlPlane,
  daemon: string,
  report: DaemonOptions["report"],
): Promise<AcquiredJob | "unknown" | null> {
  try {
    return await plane.acquire(daemon)
  } catch (error) {
    if (error instanceof Refused && error.status === 401) throw error
    if (error instanceof Refused && error.status === 404) return "unknown"
    report(`no job could be asked for: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

const describe = (job: AcquiredJob) =>
  job.build === undefined
    ? job.type
    : `${job.build.transition} ${job.build.owner.username}/${job.build.workspace.name} (build ${job.build.number})`

type Places = ReturnType<typeof createPlaces>

/** Tells the control plane when no place is left and when one is again, so that it wakes a daemon that can take the job. */
function createPlaces(countMax: number) {
  let free = countMax
  let socket: WebSocket | null = null
  const tell = () => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "free", count: free }))
  }
  return {
    taken(count: number): void {
      const wasFull = free === 0
      free = countMax - count
      if (wasFull !== (free === 0)) tell()
    },
    /** From now on it is told over this socket, which is open. */
    tellOver(open: WebSocket): void {
      socket = open
      if (free === 0) tell()
    },
  }
}

type Wake = ReturnType<typeof createWake>

/** A bell that counts: who looked at the count before they asked for a job misses no ring that came meanwhile. */
function createWake() {
  let count = 0
  let hear = () => {}
  return {
    count: () => count,
    ring: () => {
      count += 1
      hear()
    },
    /** Ends at the first ring after `heard`, or after `msMax`. For one who waits at a time. */
    async after(heard: number, msMax: number): Promise<void> {
      if (count !== heard) return
      const timer = new AbortController()
      const rung = new Promise<void>((resolve) => {
        hear = resolve
      })
      await Promise.race([rung, sleep(msMax, undefined, { signal: timer.signal }).catch(() => undefined)])
      timer.abort()
    },
  }
}

async function beat(
  options: DaemonOptions,
  daemon: string,
  timing: DaemonTiming,
  draining: AbortSignal,
): Promise<void> {
  while (!draining.aborted) {
    await sleep(timing.heartbeatMs, undefined, { signal: draining }).catch(() => undefined)
    if (draining.aborted) return
    await options.plane.heartbeat(daemon).catch((error: unknown) => {
      options.report(`no heartbeat: ${error instanceof Error ? error.message : String(error)}`)
    })
  }
}

/** Holds the socket on which wake-ups come. They are hints: a socket that is away costs a wait until the next poll. */
async function listen(
  plane: ControlPlane,
  daemon: string,
  timing: DaemonTiming,
  ends: SocketEnds,
  draining: AbortSignal,
): Promise<void> {
  let backoffMs = timing.reconnectMsMin
  while (!draining.aborted) {
    const wasOpen = await holdSocket(plane.listen(daemon), ends, draining)
    backoffMs = wasOpen ? timing.reconnectMsMin : Math.min(backoffMs * 2, timing.reconnectMsMax)
    if (draining.aborted) return
    await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: draining }).catch(() => undefined)
  }
}

type SocketEnds = { ring: () => void; places: Places }

function holdSocket(
  socket: WebSocket,
  { ring, places }: SocketEnds,
  draining: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    let wasOpen = false
    const close = () => socket.close(1000)
    const finish = () => {
      draining.removeEventListener("abort", close)
      resolve(wasOpen)
    }
    socket.addEventListener("open", () => {
      wasOpen = true
      places.tellOver(socket)
      // What was posted while no socket was there.
      ring()
    })
    socket.addEventListener("message", ring)
    socket.addEventListener("close", finish, { once: true })
    socket.addEventListener("error", finish, { once: true })
    if (draining.aborted) close()
    else draining.addEventListener("abort", close, { once: true })
  })
}
