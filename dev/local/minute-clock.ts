// Fires the Worker's scheduled handler at the start and at each full minute, as the cron trigger
// does.
import type { LocalWorker } from "./worker-process.ts"

export type MinuteClock = { stop: () => Promise<void> }

export function startMinuteClock(
  worker: LocalWorker,
  onFailure: (message: string) => void,
): MinuteClock {
  let running: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout
  let isStopped = false
  const arm = () => {
    const nowMs = Date.now()
    const minuteAt = new Date(Math.floor(nowMs / 60_000) * 60_000 + 60_000)
    timer = setTimeout(() => {
      arm()
      // Ticks run one after the other. A tick that outlasts its minute delays the next, which
      // sweeps for both.
      running = running.then(() => (isStopped ? undefined : fire(minuteAt)))
    }, minuteAt.getTime() - nowMs)
  }
  const fire = (at: Date) =>
    worker.tick(at).catch((error: unknown) => {
      if (!isStopped) onFailure(error instanceof Error ? error.message : String(error))
    })
  arm()
  // What became due while nothing ran does not wait for the next minute.
  running = fire(new Date(Math.floor(Date.now() / 60_000) * 60_000))
  return {
    stop: async () => {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
