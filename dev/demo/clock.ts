// The demo's time: it moves only when the demo moves it, takes the Worker and the objects' alarms with it, and fires the tick on its way as
// the platform would each minute. Provisioner and agents learn the time from the Worker's answers.
import type { LocalWorker } from "../local/worker-process.ts"

export type DemoClock = {
  now: () => Date
  /** Moves on to an instant, with a tick at least every `stepMs` of the way and one at its end. */
  advanceTo: (at: Date) => Promise<void>
  /** Lets the objects write what they hold, as their alarms would a little later. */
  flush: () => Promise<void>
  ticks: () => number
}

export type DemoClockOptions = {
  worker: LocalWorker
  startAt: Date
  /** What has to end before the clock moves on. */
  beforeLeap: () => Promise<void>
  /** What happens all the time and would have happened meanwhile, such as a daemon's heartbeat. */
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
        // The platform calls a moment after the minute; never turns back.
        if (minute > now().getTime()) await set(new Date(minute))
        await options.beforeTick()
        // On the way nobody uses anything; what the objects hold is written before the last tick.
        if (minute === end) await worker.fireAlarms(now())
        await worker.tick(new Date(minute))
        ticks += 1
      }
      if (at.getTime() > now().getTime()) await set(at)
    },
  }
}
