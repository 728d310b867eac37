// A row of a job's timings.
import type { ServerClock } from "../../server-clock.ts"
import type { Timing } from "./engine.ts"

/**
 * From `startedAt` until now, on the control plane's clock, which may have been set back in
 * between.
 */
export function timingOf(
  clock: ServerClock,
  { resource = "", ...row }: Pick<Timing, "stage" | "source" | "action"> & { resource?: string },
  startedAt: Date,
): Timing {
  const endedAt = clock.now()
  return {
    ...row,
    resource,
    started_at: startedAt.toISOString(),
    ended_at: (endedAt < startedAt ? startedAt : endedAt).toISOString(),
  }
}
