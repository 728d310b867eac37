// What a template change does to the deadlines of a build that is already running.
import { type AutostopInput, calculateAutostop, type Deadlines } from "./calculate-autostop.ts"
import { hourMs } from "./wall-time.ts"

/** A template change never stops a workspace sooner than this. */
const noticeMs = 2 * hourMs

/**
 * Requirements count weeks from 2 January 2023; builds of that first week and before are left
 * alone.
 */
const completedAtMin = new Date("2023-01-09T00:00:00Z")

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
 * A new ttl never moves a running deadline. The deadline is cleared if the new policy gives none,
 * and lowered, with two hours' notice, if the new max deadline is earlier.
 */
export function recalculateRunningBuild(input: RunningBuildInput): RunningBuildChange {
  const { now, build, completedAt } = input
  const noticeAt = new Date(now.getTime() + noticeMs)
  if (build.maxDeadlineAt !== null && build.maxDeadlineAt < noticeAt) return { kind: "skip" }
  if (build.isPrebuild || build.jobStatus !== "succeeded") return { kind: "skip" }
  if (completedAt < completedAtMin) return { kind: "skip" }
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
