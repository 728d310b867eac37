/** The deadline of a build, at which it is stopped, and the max deadline, which no extension passes. */
import { nextAutostart } from "./autostart.ts"
import { requiredStopAfter } from "./autostop-requirement.ts"
import type { QuietHours } from "./quiet-hours.ts"

/** What a template says about stopping. `autostartDays` and `autostopRequirementDays` are bitmaps, bit 0 Monday. */
export type AutostopPolicy = {
  allowUserAutostop: boolean
  defaultTtlMs: number
  autostopRequirementDays: number
  /** 0 and 1 both mean each week. */
  autostopRequirementWeeks: number
  autostartDays: number
}

export type AutostopInput = {
  /** When the build's job completed. */
  completedAt: Date
  workspace: { ttlMs: number | null; autostartSchedule: string | null }
  template: AutostopPolicy
  /** The owner's quiet hours; null where there are none, and then there is no requirement. */
  quietHours: QuietHours | null
}

export type Deadlines = { deadlineAt: Date | null; maxDeadlineAt: Date | null }

export type Autostop = ({ ok: true } & Deadlines) | { ok: false; error: string }

/**
 * Both deadlines of a build that completed.
 *
 * The error outcomes need data that the database's checks refuse (an eighth day) or a clock before 2023.
 */
export function calculateAutostop(input: AutostopInput): Autostop {
  const { completedAt, template, quietHours } = input
  const ttlDeadlineAt = deadlineOfTtl(input)
  if (template.autostopRequirementDays === 0 || quietHours === null) {
    return { ok: true, deadlineAt: ttlDeadlineAt, maxDeadlineAt: null }
  }
  const requirement = {
    days: template.autostopRequirementDays,
    weeks: template.autostopRequirementWeeks,
  }
  const stop = requiredStopAfter(completedAt, requirement, quietHours)
  if (!stop.ok) return stop
  const deadlineAt = ttlDeadlineAt !== null && ttlDeadlineAt <= stop.at ? ttlDeadlineAt : stop.at
  return { ok: true, deadlineAt, maxDeadlineAt: stop.at }
}

/** How long a build runs unless extended: the workspace's own ttl, or the template's where users may not choose. */
export function effectiveTtlMs(
  workspace: { ttlMs: number | null },
  template: { allowUserAutostop: boolean; defaultTtlMs: number },
): number {
  return Math.max(0, template.allowUserAutostop ? (workspace.ttlMs ?? 0) : template.defaultTtlMs)
}

/**
 * A ttl that reaches past the next autostart runs from that autostart instead, so that a workspace that is up when it
 * would be started lives through the whole day. Only the first autostart counts, and only on an allowed day.
 */
function deadlineOfTtl({ completedAt, workspace, template }: AutostopInput): Date | null {
  const ttlMs = effectiveTtlMs(workspace, template)
  if (ttlMs === 0) return null
  const deadlineMs = completedAt.getTime() + ttlMs
  if (workspace.autostartSchedule !== null) {
    const next = nextAutostart(workspace.autostartSchedule, completedAt, template.autostartDays)
    if (next !== null && next.isAllowed && deadlineMs > next.at.getTime()) {
      return new Date(next.at.getTime() + ttlMs)
    }
  }
  return new Date(deadlineMs)
}
