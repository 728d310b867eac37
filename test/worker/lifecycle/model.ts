// The rules once more, in TypeScript and in the words of the specification: a selection and a
// recheck for each. It shares nothing with the view but the calendar, and never looks at check_at.
import { nextAllowedAutostart } from "../../../src/schedule/autostart.ts"

export type Facts = {
  id: string
  isPrebuild: boolean
  deleted: boolean
  userStatus: "active" | "suspended" | "dormant"
  workspace: {
    autostartSchedule: string | null
    nextStartAt: Date | null
    lastUsedAt: Date | null
    dormantAt: Date | null
    deletingAt: Date | null
  }
  template: {
    allowUserAutostart: boolean
    autostartDays: number
    failureTtlMs: number
    timeTilDormantMs: number
    timeTilDormantAutodeleteMs: number
    timeTilAutostopNotifyMs: number
    activityBumpMs: number
  }
  build: {
    transition: "start" | "stop" | "delete"
    createdAt: Date
    deadlineAt: Date | null
    maxDeadlineAt: Date | null
    remindedFor: Date | null
  } | null
  job: { status: string; completedAt: Date | null; canceledAt: Date | null }
}

const dayMs = 86_400_000

/**
 * `none`, `remind`, `no-build/<reason>` or `<transition>/<reason>`. `hasProvisioner`: what needs
 * a build waits without one.
 */
export function decide(facts: Facts, at: Date, hasProvisioner = true): string {
  const { build, job } = facts
  if (facts.deleted || facts.isPrebuild || build === null) return "none"
  const effect = firstMatch(facts, at)
  if (["pending", "running", "canceling"].includes(job.status)) return "none"
  if (!hasProvisioner && /^(start|stop|delete)\//.test(effect)) return "none"
  return effect
}

function firstMatch(facts: Facts, at: Date): string {
  const { workspace, template, build, job, userStatus } = facts
  if (build === null) return "none"
  const isFailed = job.status === "failed"
  const isDormant = workspace.dormantAt !== null
  const ago = (instant: Date | null) =>
    instant === null ? Infinity : at.getTime() - instant.getTime()

  if (!isFailed && !isDormant && build.transition === "start") {
    if (userStatus === "suspended" || (build.deadlineAt !== null && at >= build.deadlineAt))
      return "stop/autostop"
  }
  if (isAutostartDue(facts, at)) return "start/autostart"
  if (
    template.failureTtlMs > 0 &&
    isFailed &&
    build.transition !== "delete" &&
    job.completedAt !== null
  ) {
    if (ago(job.completedAt) > template.failureTtlMs) return "stop/autostop"
  }
  if (
    !isDormant &&
    template.timeTilDormantMs > 0 &&
    ago(workspace.lastUsedAt) > template.timeTilDormantMs
  ) {
    return build.transition === "start" ? "stop/dormancy" : "no-build/dormancy"
  }
  if (isDormant && template.timeTilDormantAutodeleteMs > 0 && workspace.deletingAt !== null) {
    const isRetry = build.transition === "delete" && (isFailed || job.status === "canceled")
    const canRetry = !isRetry || ago(job.completedAt ?? job.canceledAt) > dayMs
    if (at > workspace.deletingAt && canRetry) return "delete/autodelete"
  }
  if (isReminderDue(facts, at)) return "remind"
  return isDormant && build.transition === "start" && !isFailed ? "stop/dormancy" : "none"
}

function isAutostartDue({ workspace, template, build, job, userStatus }: Facts, at: Date): boolean {
  if (build === null || userStatus !== "active" || job.status === "failed") return false
  if (workspace.dormantAt !== null || build.transition !== "stop" || !template.allowUserAutostart)
    return false
  if (workspace.autostartSchedule === null) return false
  if (workspace.nextStartAt !== null && workspace.nextStartAt > at) return false
  const next = nextAllowedAutostart(
    workspace.autostartSchedule,
    build.createdAt,
    template.autostartDays,
  )
  return next !== null && at >= next
}

function isReminderDue({ workspace, template, build, job, userStatus }: Facts, at: Date): boolean {
  const leadMs = template.timeTilAutostopNotifyMs
  if (build === null || leadMs === 0 || build.transition !== "start" || job.status !== "succeeded")
    return false
  if (workspace.dormantAt !== null || userStatus === "suspended" || build.deadlineAt === null)
    return false
  const windowEnd = at.getTime() + leadMs
  if (build.deadlineAt <= at || build.deadlineAt.getTime() > windowEnd) return false
  if (build.remindedFor?.getTime() === build.deadlineAt.getTime()) return false
  const isActive =
    workspace.lastUsedAt !== null && at.getTime() - workspace.lastUsedAt.getTime() < 15 * 60_000
  const canMove = build.maxDeadlineAt === null || build.maxDeadlineAt.getTime() > windowEnd
  return !(isActive && template.activityBumpMs > 0 && canMove)
}

/** Instants around which something could begin, for probing between now and a bound. */
export function candidateInstants({ workspace, template, build, job }: Facts, from: Date): Date[] {
  const after = (instant: Date | null | undefined, ms: number) =>
    instant === null || instant === undefined ? [] : [instant.getTime() + ms]
  const schedule = workspace.autostartSchedule
  const nextStart =
    schedule === null ? null : nextAllowedAutostart(schedule, from, template.autostartDays)
  const lead = -template.timeTilAutostopNotifyMs
  return [
    ...after(build?.deadlineAt, 0),
    ...after(build?.deadlineAt, lead),
    ...after(build?.maxDeadlineAt, lead),
    ...after(workspace.lastUsedAt, 15 * 60_000),
    ...after(workspace.lastUsedAt, template.timeTilDormantMs),
    ...after(workspace.deletingAt, 0),
    ...after(job.completedAt, template.failureTtlMs),
    ...after(job.completedAt ?? job.canceledAt, dayMs),
    ...after(workspace.nextStartAt, 0),
    ...after(nextStart, 0),
  ]
    .flatMap((ms) => [ms - 1, ms, ms + 1])
    .map((ms) => new Date(ms))
}
