// The demo's clock, which moves only when the demo moves it.
//
// It takes the Worker and the objects' alarms along, and fires the ticks that the platform would
// fire. The provisioner and the agents read the time from the Worker's answers.
import type { LocalWorker } from "../local/worker-process.ts"

export type DemoClock = {
  now: () => Date
  /** Moves to an instant, with a tick at least every `stepMs` on the way and one at the end. */
  advanceTo: (at: Date) => Promise<void>
  /** Fires the objects' alarms, so that they write what they hold. */
  flush: () => Promise<void>
  ticks: () => number
}

export type DemoClockOptions = {
  worker: LocalWorker
  startAt: Date
  /** Must resolve before the clock moves on. */
  beforeLeap: () => Promise<void>
  /** Repeats what runs all the time, such as a daemon's heartbeat. */
  beforeTick: () => Promise<void>
}

const minuteMs = 60_000
const stepMs = 60 * minuteMs

export async function startDemoClock(options: DemoClockOptions): Promise<DemoClock> {
  const { worker } = options
  let aheadMs = 0
  let ticks = 0
  const now = () => new Date(Date.now() + aheadMs)
  const set = async (at: Date) => {
    aheadMs = at.getTime() - Date.now()
    await worker.shiftClock(aheadMs)
  }
  await set(options.startAt)
  return {
    now,
    ticks: () => ticks,
    flush: async () => {
      await worker.fireAlarms(new Date(now().getTime() + minuteMs))
    },
    advanceTo: async (at) => {
      let minute = Math.floor(now().getTime() / minuteMs) * minuteMs
      const end = Math.floor(at.getTime() / minuteMs) * minuteMs
      while (minute < end) {
        minute = Math.min(minute + stepMs, end)
        await options.beforeLeap()
        // The platform fires a moment after the minute. The clock never runs backwards.
        if (minute > now().getTime()) await set(new Date(minute))
        await options.beforeTick()
        // Nobody uses a workspace on the way, so the objects write what they hold before the last
        // tick.
        if (minute === end) await worker.fireAlarms(now())
        await worker.tick(new Date(minute))
        ticks += 1
      }
      if (at.getTime() > now().getTime()) await set(at)
    },
  }
}
