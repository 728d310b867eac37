// Waiting for an event without a fixed time: a frame, a close, a row.

const triesMax = 6_000

/** Checks every hundredth of a second until it holds. Fails the test after a minute. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    if (await what()) return
    await scheduler.wait(10)
  }
  throw new Error("The awaited event did not happen within a minute.")
}
