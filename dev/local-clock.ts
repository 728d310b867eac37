// The clock of the local Worker. It is the platform's until somebody who runs the system sets it; production does not contain this file.
import type { Clock } from "../src/clock.ts"

let setAt: Date | null = null

export const localClock: Clock = () => setAt ?? new Date()

/** Stops the clock at an instant, or lets it follow the platform again. */
export function setLocalClock(at: Date | null): void {
  setAt = at
}
