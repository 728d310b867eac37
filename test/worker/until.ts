// Waiting for what comes by itself, without a fixed time: a frame, a close, a row.

const triesMax = 2_000

/** Looks each hundredth of a second until it holds. Fails the test after twenty. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    if (await what()) return
    await scheduler.wait(10)
  }
  throw new Error("it never came")
}
