// Batches in which one row must not fail the others.
import { StatementFailed } from "./errors.ts"

export type Refused<Item> = { item: Item; error: StatementFailed }

/** True if the database rejected the data of a statement: sent again, it would fail again. */
export function isRefusal(error: unknown): error is StatementFailed {
  return error instanceof StatementFailed && /^(2[0-3]|54)/.test(error.code)
}

/** Enough for two refused rows of a few thousand. */
const callsMaxDefault = 60

/**
 * Writes a batch, and returns the items that the database rejects.
 *
 * The batch is written whole. A batch that is rejected is halved, until the rejected items stand
 * alone. One such item of n costs about 2 log2(n) more statements. `write` is atomic: it
 * writes all of its items or throws. After `callsMax` statements the last rejection is thrown; what
 * was written by then stays written. Any other error is thrown at once.
 */
export async function writeIsolated<Item>(
  items: readonly Item[],
  write: (part: readonly Item[]) => Promise<unknown>,
  callsMax = callsMaxDefault,
): Promise<Refused<Item>[]> {
  const refused: Refused<Item>[] = []
  let parts: (readonly Item[])[] = items.length === 0 ? [] : [items]
  for (let calls = 1; parts.length > 0; calls++) {
    const [part = [], ...rest] = parts
    parts = rest
    try {
      await write(part)
    } catch (error) {
      if (!isRefusal(error)) throw error
      const [item] = part
      if (part.length === 1 && item !== undefined) refused.push({ item, error })
      else if (calls >= callsMax) throw error
      else {
        const half = Math.ceil(part.length / 2)
        parts = [part.slice(0, half), part.slice(half), ...rest]
      }
    }
  }
  return refused
}
