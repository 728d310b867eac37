// The control plane's time, read from the Date header of its answers.
//
// Reports carry instants of this clock, even if this machine's own clock is wrong.

/** The header counts whole seconds, so a smaller difference means nothing. */
const noiseMs = 2_000

export type ServerClock = {
  now: () => Date
  /** The instant for `ownTime` of this machine's own clock; null if that is not a time. */
  fromOwnTime: (ownTime: string) => Date | null
  learn: (dateHeader: string | null) => void
}

export function createServerClock(ownTimeMs: () => number = Date.now): ServerClock {
  let aheadMs = 0
  return {
    now: () => new Date(ownTimeMs() + aheadMs),
    fromOwnTime(ownTime) {
      const ownMs = Date.parse(ownTime)
      return Number.isNaN(ownMs) ? null : new Date(ownMs + aheadMs)
    },
    learn(dateHeader) {
      const serverMs = dateHeader === null ? Number.NaN : Date.parse(dateHeader)
      if (Number.isNaN(serverMs)) return
      const differenceMs = serverMs - ownTimeMs()
      if (Math.abs(differenceMs - aheadMs) > noiseMs)
        aheadMs = Math.abs(differenceMs) > noiseMs ? differenceMs : 0
    },
  }
}
