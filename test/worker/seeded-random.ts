// Repeatable random choices: the same seed gives the same choices.

export type Random = {
  /** A whole number from 0 to below the bound. */
  below: (bound: number) => number
  /** True once in `n` times on average. */
  oneIn: (times: number) => boolean
  pick: <T>(choices: readonly T[]) => T
}

/** The mulberry32 generator: 32 bits of state, good enough for choices. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const below = (bound: number) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * bound)
  }
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick: <T>(choices: readonly T[]): T => {
      const choice = choices[below(choices.length)]
      if (choice === undefined) throw new Error("nothing to choose from")
      return choice
    },
  }
}
