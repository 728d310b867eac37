// The deadline of a build, at which it is stopped, and the max deadline, which limits extensions.
import { nextAutostart } from "./autostart.ts"
import { requiredStopAfter } from "./autostop-requirement.ts"
import type { QuietHours } from "./quiet-hours.ts"
import { ttlInForceMs } from "./ttl.ts"

/**
 * A template's policy about stopping. `autostartDays` and `autostopRequirementDays` are bitmaps
 * whose bit 0 is Monday.
 */
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
  /** The owner's quiet hours. Without them (null) the requirement does not apply. */
  quietHours: QuietHours | null
}

export type Deadlines = { deadlineAt: Date | null; maxDeadlineAt: Date | null }

export type Autostop = ({ ok: true } & Deadlines) | { ok: false; error: string }

/**
 * Both deadlines of a build that completed.
 *
 * An error needs data that the database's checks reject (an eighth day), or a clock before 2023.
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

/**
 * A ttl that reaches past the next autostart counts from that autostart instead. A workspace that
 * is still running at its start time therefore runs through the whole day. Only the first
 * autostart counts, and only if its day is allowed.
 */
function deadlineOfTtl({ completedAt, workspace, template }: AutostopInput): Date | null {
  const ttlMs = ttlInForceMs(workspace, template) ?? 0
  if (ttlMs <= 0) return null
  const deadlineMs = completedAt.getTime() + ttlMs
  if (workspace.autostartSchedule !== null) {
    const next = nextAutostart(workspace.autostartSchedule, completedAt, template.autostartDays)
    if (next !== null && next.isAllowed && deadlineMs > next.at.getTime()) {
      return new Date(next.at.getTime() + ttlMs)
    }
  }
  return new Date(deadlineMs)
}
