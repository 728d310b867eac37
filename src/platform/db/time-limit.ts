// A time limit that does not count the time in which the isolate was blocked.
//
// While a password is hashed, no answer of the database is handled. A plain timer would then expire
// although the answer has arrived.

const steps = 15

/**
 * Calls `expire` after `ms`, measured in steps. A blocked isolate fires a timer late, and a late
 * step counts once. After the last step, answers that have arrived are handled first.
 *
 * Returns the function that cancels the limit.
 */
export function startTimeLimit(ms: number, expire: () => void): () => void {
  let left = steps
  let timer: ReturnType<typeof setTimeout>
  const wait = () => {
    timer = setTimeout(
      () => {
        if (left === 0) return expire()
        left--
        wait()
      },
      left === 0 ? 0 : ms / steps,
    )
  }
  wait()
  return () => clearTimeout(timer)
}
