// The clock of the local Worker.
//
// It follows the platform's until the program that runs the system sets it. Production does not
// contain this file.
import { platformClock, type Clock } from "../../src/clock.ts"

let read: Clock = platformClock

export const localClock: Clock = () => read()

/** Stops the clock at an instant, or lets it follow the platform again. */
export function setLocalClock(at: Date | null): void {
  read = at === null ? platformClock : () => at
}

/** Runs at the platform's pace, `aheadMs` ahead of it. */
export function shiftLocalClock(aheadMs: number): void {
  read = () => new Date(platformClock().getTime() + aheadMs)
}
