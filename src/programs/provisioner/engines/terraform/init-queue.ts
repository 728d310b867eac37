// One `init` at a time per daemon: the tool's plugin cache is not safe for several.

export type InitQueue = { run: <T>(work: () => Promise<T>) => Promise<T> }

export function createInitQueue(): InitQueue {
  let last: Promise<unknown> = Promise.resolve()
  return {
    run(work) {
      const mine = last.then(work, work)
      last = mine.catch(() => undefined)
      return mine
    },
  }
}
