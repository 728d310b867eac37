// The lease on one job.
//
// An update each few seconds renews it, carries the log, and returns a cancel.
import { setTimeout as sleep } from "node:timers/promises"
import type { LogLine } from "../../queue/jobs/protocol.ts"
import { Refused, Unreachable, type ControlPlane } from "./control-plane.ts"
import type { ServerClock } from "../server-clock.ts"

export type LeaseTiming = {
  /** How often waiting log lines are sent. */
  flushMs: number
  /** How often an update is sent without new lines. */
  renewMs: number
  /**
   * After this long without an answer the control plane has given up the job, and so does the
   * daemon.
   */
  lostMs: number
}

export const leaseTiming: LeaseTiming = { flushMs: 250, renewMs: 5_000, lostMs: 4.5 * 60_000 }

const linesACallMax = 1_000
/** Characters of one call's lines; the control plane bounds a request's bytes. */
const lengthACallMax = 500_000
/** Lines that wait while the control plane is unavailable. Beyond that the oldest are dropped. */
const linesWaitingMax = 20_000
const outputLengthMax = 4_096

function nextLines(waiting: readonly LogLine[]): LogLine[] {
  let length = 0
  const end = waiting.findIndex((line, index) => {
    length += line.output.length
    return index >= linesACallMax || (index > 0 && length > lengthACallMax)
  })
  return waiting.slice(0, end < 0 ? waiting.length : end)
}

export type Lease = {
  log: (line: { level: NonNullable<LogLine["level"]>; stage: string; output: string }) => void
  /** Aborted when the job is canceled or belongs to another daemon. */
  canceled: AbortSignal
  /**
   * True when the control plane has ended the job or given it away. Nothing more is reported then.
   */
  isLost: () => boolean
  /** Sends what waits and stops. */
  close: () => Promise<void>
}

export function holdLease(
  plane: ControlPlane,
  daemon: string,
  job: string,
  clock: ServerClock,
  timing: LeaseTiming = leaseTiming,
): Lease {
  const cancel = new AbortController()
  const waiting: LogLine[] = []
  let dropped = 0
  const state: { phase: "held" | "closing" | "expired" | "lost" } = { phase: "held" }
  let lastAnswerMs = performance.now()

  /** Returns whether the control plane answered. */
  async function renew(): Promise<boolean> {
    const logs = nextLines(waiting)
    const forget = () => {
      // Identified by the line itself, since older lines may have been dropped in between.
      const last = logs.at(-1)
      const sent = last === undefined ? -1 : waiting.indexOf(last)
      waiting.splice(0, sent + 1)
    }
    try {
      const { canceled } = await plane.update(daemon, job, logs.length > 0 ? { logs } : {})
      lastAnswerMs = performance.now()
      forget()
      if (canceled) cancel.abort()
      return true
    } catch (error) {
      if (error instanceof Refused && [401, 403, 404, 409].includes(error.status)) end("lost")
      // Lines that the control plane rejects would be rejected each time.
      else if (error instanceof Refused) forget()
      if (error instanceof Unreachable && performance.now() - lastAnswerMs > timing.lostMs)
        end("expired")
      return error instanceof Refused
    }
  }

  function end(phase: "expired" | "lost"): void {
    state.phase = phase
    cancel.abort()
  }

  async function keep(): Promise<void> {
    let lastCallMs = 0
    while (state.phase === "held") {
      const isDue = performance.now() - lastCallMs >= timing.renewMs
      if (isDue || waiting.length > 0) {
        lastCallMs = performance.now()
        if (!(await renew())) await sleep(timing.renewMs / 2)
      }
      await sleep(timing.flushMs)
    }
  }
  const keeping = keep()

  return {
    canceled: cancel.signal,
    isLost: () => state.phase === "lost",
    log({ level, stage, output }) {
      if (waiting.length >= linesWaitingMax) {
        waiting.shift()
        dropped += 1
      }
      waiting.push({
        created_at: clock.now().toISOString(),
        source: "provisioner",
        level,
        stage,
        output: output.slice(0, outputLengthMax),
      })
    },
    async close() {
      if (state.phase === "held") state.phase = "closing"
      await keeping
      if (dropped > 0) {
        const output = `${dropped} lines were lost while the control plane was away.`
        waiting.unshift({ created_at: clock.now().toISOString(), level: "warn", stage: "", output })
      }
      // Ends with the last line, or when the control plane was unavailable for too long.
      while (waiting.length > 0 && state.phase === "closing") {
        if (!(await renew())) await sleep(timing.renewMs / 2)
      }
    },
  }
}
