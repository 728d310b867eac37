/**
 * The activity bump: use moves the deadline of a running build. This is the rule in TypeScript, the model that the SQL
 * of the usage flush agrees with.
 */
export type ActivityBumpInput = {
  now: Date
  /** The next autostart, if its day is allowed. */
  nextAutostartAt: Date | null
  template: { activityBumpMs: number; defaultTtlMs: number; allowUserAutostop: boolean }
  workspace: { ttlMs: number | null; isPrebuild: boolean }
  build: {
    transition: "start" | "stop" | "delete"
    deadlineAt: Date | null
    maxDeadlineAt: Date | null
  }
  jobCompletedAt: Date | null
}

/**
 * The deadline to write, null when nothing is written.
 *
 * The step is the template's bump in whole seconds, unless the next autostart falls within it: then the build lives
 * through the day that begins there. Nothing is written before a twentieth of the step has passed since the last bump.
 * A deadline moves back only where the max deadline caps it.
 */
export function bumpDeadline(input: ActivityBumpInput): Date | null {
  const { now, template, workspace, build } = input
  const bumpMs = Math.floor(template.activityBumpMs / 1000) * 1000
  if (workspace.isPrebuild || input.jobCompletedAt === null || build.transition !== "start")
    return null
  if (template.activityBumpMs <= 0 || build.deadlineAt === null) return null
  const stepMs = stepOf(input, bumpMs)
  if (stepMs === null || stepMs <= 0) return null
  const remainingMs = build.deadlineAt.getTime() - now.getTime()
  if (remainingMs * 100 >= stepMs * 95) return null
  const bumpedMs = Math.max(build.deadlineAt.getTime(), now.getTime() + stepMs)
  const capMs = build.maxDeadlineAt?.getTime() ?? Infinity
  return new Date(Math.min(bumpedMs, capMs))
}

function stepOf(
  { now, nextAutostartAt, template, workspace }: ActivityBumpInput,
  bumpMs: number,
): number | null {
  const gapMs = nextAutostartAt === null ? Infinity : nextAutostartAt.getTime() - now.getTime()
  if (gapMs <= 0 || gapMs >= bumpMs) return bumpMs
  const ttlMs = template.allowUserAutostop ? workspace.ttlMs : template.defaultTtlMs
  return ttlMs === null ? null : gapMs + ttlMs
}
