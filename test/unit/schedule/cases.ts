// The groups of `test/cases/lifecycle.json` that the schedule arithmetic answers.
import { parseQuietHours } from "../../../src/schedule/quiet-hours.ts"
import type { AutostopInput } from "../../../src/schedule/calculate-autostop.ts"
import { lifecycle as cases } from "../../cases/read.ts"

export const groups = cases.groups

export type Row<Input, Expected> = { id: string; name: string; input: Input; expected: Expected }

/** The rows of a group whose rows differ in shape, typed as the test reads them. */
export function rowsOf<Input, Expected>(name: keyof typeof groups): Row<Input, Expected>[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the data is fixed
  return groups[name] as unknown as Row<Input, Expected>[]
}

/** The stored "no value" of the cases is null here. */
export function instant(text: string | null | undefined): Date | null {
  return text === null || text === undefined || text.startsWith("0001-") ? null : new Date(text)
}

export function quietHoursOfCase(text: string | null) {
  if (text === null) return null
  const parsed = parseQuietHours(text)
  if (!parsed.ok) throw new Error(parsed.error)
  return parsed.quietHours
}

export type AutostopCase = {
  build_completed_at: string
  template: {
    allow_user_autostop: boolean
    default_ttl_seconds: number
    autostop_requirement_days_bitmap: number
    autostop_requirement_weeks: number
    autostart_requirement_days_bitmap?: number
  }
  quiet_hours_schedule: string | null
  workspace: { ttl_seconds: number | null; autostart_schedule: string | null }
}

export function autostopInputOfCase(input: AutostopCase): AutostopInput {
  const { template, workspace } = input
  return {
    completedAt: new Date(input.build_completed_at),
    workspace: {
      ttlMs: workspace.ttl_seconds === null ? null : workspace.ttl_seconds * 1000,
      autostartSchedule: workspace.autostart_schedule,
    },
    template: {
      allowUserAutostop: template.allow_user_autostop,
      defaultTtlMs: template.default_ttl_seconds * 1000,
      autostopRequirementDays: template.autostop_requirement_days_bitmap,
      autostopRequirementWeeks: template.autostop_requirement_weeks,
      autostartDays: template.autostart_requirement_days_bitmap ?? 127,
    },
    quietHours: quietHoursOfCase(input.quiet_hours_schedule),
  }
}
