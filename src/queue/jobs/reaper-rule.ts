// When a job is given up (lifecycle.md 15): silent for 5 minutes once started, for 30 while it was never taken.
import { jobStatus, type JobProgress } from "../status.ts"

export const hungAfterMs = 5 * 60_000
export const pendingAfterMs = 30 * 60_000
/** Jobs that one tick ends at most; the rest are still due at the next. */
export const reapedPerTickMax = 10

export type ReapType = "hung" | "pending"

/**
 * Why the job is reaped at `tickAt`, or null. Strict bounds. A canceling job that was never taken waits like a pending
 * one and is then called hung.
 */
export function reapType(job: JobProgress & { updatedAt: Date }, tickAt: Date): ReapType | null {
  if (job.completedAt) return null
  const silentMs = tickAt.getTime() - job.updatedAt.getTime()
  if (silentMs <= (job.startedAt ? hungAfterMs : pendingAfterMs)) return null
  return jobStatus(job) === "pending" ? "pending" : "hung"
}

const sentence = (type: ReapType) =>
  `Coder: Build has been detected as ${type} for ${(type === "hung" ? hungAfterMs : pendingAfterMs) / 60_000} minutes`

/** The job's error. */
export const reapError = (type: ReapType) =>
  `${sentence(type)} and has been terminated by the reaper.`

const ruler = "-".repeat(72)

/** The lines that end the job's log, one millisecond apart. */
export const reapLog = (type: ReapType) => [
  "",
  ruler,
  `${sentence(type)} and will be terminated.`,
  ruler,
  "",
]
