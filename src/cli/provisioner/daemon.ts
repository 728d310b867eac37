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
  const { plane, report } = options
  const timing = options.timing ?? daemonTiming
  const register = () =>
    plane.register({
      name: options.name,
      version: options.version,
      provisioners: ["terraform"],
      ...(options.tags !== undefined && { tags: options.tags }),
    })
  const registered = await persist(register, Number.POSITIVE_INFINITY, draining).catch((error: unknown) => {
    if (draining.aborted) return null
    throw error
  })
  if (registered === null) return
  report(`registered as ${options.name}`)
  const wake = createWake()
  draining.addEventListener("abort", () => wake.ring())
  const listening = listen(plane, registered.id, timing, wake.ring, draining)
  const beating = beat(options, registered.id, timing, draining)
  try {
    await takeJobs(options, registered.id, timing, wake, draining)
  } finally {
    // A drain ends the socket and the heartbeat with it.
    await Promise.all([listening, beating])
  }
}

/** Takes jobs while there are free places. Whoever finds the queue empty waits for a wake-up, at most for a poll's length. */
async function takeJobs(
  options: DaemonOptions,
  daemon: string,
  timing: DaemonTiming,
  wake: Wake,
  draining: AbortSignal,
): Promise<void> {
  const running = new Set<Promise<void>>()
  while (!draining.aborted) {
    if (running.size >= options.jobCountMax) {
      await Promise.race([...running, wake.next(timing.pollMs)])
      continue
    }
    const rung = wake.next(timing.pollMs)
    const job = await options.plane.acquire(daemon).catch((error: unknown) => {
      if (error instanceof Refused && error.status === 401) throw error
      options.report(`no job could be asked for: ${error instanceof Error ? error.message : String(error)}`)
      return null
    })
    if (job === null) {
      await rung
      continue
    }
    options.report(`job ${job.job_id}: ${describe(job)}`)
    const run = options.run(daemon, job).finally(() => {
      running.delete(run)
      wake.ring()
    })
    running.add(run)
  }
  if (running.size > 0) options.report(`draining: waiting for ${running.size} running jobs`)
  await Promise.all(running)
}

const describe = (job: AcquiredJob) =>
  job.build === undefined
    ? job.type
    : `${job.build.transition} ${job.build.owner.username}/${job.build.workspace.name} (build ${job.build.number})`

type Wake = ReturnType<typeof createWake>

/** A bell: `next` ends when it rings, or after a time. A ring that nobody waits for is kept for the next who does. */
function createWake() {
  let isRung = false
  let ringWaiting: (() => void) | null = null
  return {
    ring: () => {
      isRung = true
      ringWaiting?.()
    },
    async next(msMax: number): Promise<void> {
      if (!isRung) {
        const timer = new AbortController()
        await Promise.race([
          new Promise<void>((resolve) => {
            ringWaiting = resolve
          }),
          sleep(msMax, undefined, { signal: timer.signal }).catch(() => undefined),
        ])
        timer.abort()
        ringWaiting = null
      }
      isRung = false
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
  ring: () => void,
  draining: AbortSignal,
): Promise<void> {
  let backoffMs = timing.reconnectMsMin
  while (!draining.aborted) {
    const wasOpen = await holdSocket(plane.listen(daemon), ring, draining)
    backoffMs = wasOpen ? timing.reconnectMsMin : Math.min(backoffMs * 2, timing.reconnectMsMax)
    if (draining.aborted) return
    await sleep(backoffMs * (0.5 + Math.random() / 2), undefined, { signal: draining }).catch(() => undefined)
  }
}

function holdSocket(socket: WebSocket, ring: () => void, draining: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    let wasOpen = false
    const close = () => socket.close(1000)
    const finish = () => {
      draining.removeEventListener("abort", close)
      resolve(wasOpen)
    }
    socket.addEventListener("open", () => {
      wasOpen = true
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
