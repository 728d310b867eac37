/** What a change of its template does to the deadlines of a build that is already running. */
import { type AutostopInput, calculateAutostop, type Deadlines } from "./calculate-autostop.ts"
import { HOUR_MS } from "./wall-time.ts"

/** No change of a template stops anybody sooner than this. */
const NOTICE_MS = 2 * HOUR_MS

/** Requirements count weeks from 2 January 2023; builds of that first week and before are left alone. */
const COMPLETED_AT_MIN = new Date("2023-01-09T00:00:00Z")

export type RunningBuildInput = AutostopInput & {
  now: Date
  build: Deadlines & { isPrebuild: boolean; jobStatus: string }
}

export type RunningBuildChange =
  | { kind: "skip" }
  | { kind: "error"; error: string }
  | ({ kind: "update" } & Deadlines)

/**
 * The deadlines after the change, from the build's completion and the new policy.
 *
 * A new ttl never moves a running deadline; only taking the last reason for one away clears it, and a lower ceiling
 * lowers it, with two hours' notice.
 */
export function recalculateRunningBuild(input: RunningBuildInput): RunningBuildChange {
  const { now, build, completedAt } = input
  const noticeAt = new Date(now.getTime() + NOTICE_MS)
  if (build.maxDeadlineAt !== null && build.maxDeadlineAt < noticeAt) return { kind: "skip" }
  if (build.isPrebuild || build.jobStatus !== "succeeded") return { kind: "skip" }
  if (completedAt < COMPLETED_AT_MIN) return { kind: "skip" }
  const autostop = calculateAutostop(input)
  if (!autostop.ok) return { kind: "error", error: autostop.error }
  const maxDeadlineAt =
    autostop.maxDeadlineAt !== null && autostop.maxDeadlineAt < noticeAt
      ? noticeAt
      : autostop.maxDeadlineAt
  const keptAt = autostop.deadlineAt === null ? null : build.deadlineAt
  const isPastMax = maxDeadlineAt !== null && (keptAt === null || keptAt > maxDeadlineAt)
  return { kind: "update", deadlineAt: isPastMax ? maxDeadlineAt : keptAt, maxDeadlineAt }
}
