/** The control plane's time, learnt from the Date header of its answers: what is reported carries its instants, whatever this machine's clock says. */

/** The header counts whole seconds, so a smaller difference says nothing. */
const NOISE_MS = 2_000

export type ServerClock = { now: () => Date; learn: (dateHeader: string | null) => void }

export function createServerClock(ownTimeMs: () => number = Date.now): ServerClock {
  let aheadMs = 0
  return {
    now: () => new Date(ownTimeMs() + aheadMs),
    learn(dateHeader) {
      const serverMs = dateHeader === null ? Number.NaN : Date.parse(dateHeader)
      if (Number.isNaN(serverMs)) return
      const differenceMs = serverMs - ownTimeMs()
      if (Math.abs(differenceMs - aheadMs) > NOISE_MS)
        aheadMs = Math.abs(differenceMs) > NOISE_MS ? differenceMs : 0
    },
  }
}
