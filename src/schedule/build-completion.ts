// What a successful build writes on itself and on its workspace when its job completes.
import { nextAllowedAutostart } from "./autostart.ts"
import { type AutostopPolicy, calculateAutostop, type Deadlines } from "./calculate-autostop.ts"
import type { QuietHours } from "./quiet-hours.ts"

export type CompletionInput = {
  completedAt: Date
  build: { transition: "start" | "stop" | "delete"; createdAt: Date }
  workspace: { ttlMs: number | null; autostartSchedule: string | null; isPrebuild: boolean }
  template: AutostopPolicy
  quietHours: QuietHours | null
}

export type Completion =
  | ({ ok: true; nextStartAt: Date | null; isDeleted: boolean } & Deadlines)
  | { ok: false; error: string }

/**
 * Deadlines are computed for every transition, although nothing reads those of a stop. A prebuild
 * has no deadlines.
 *
 * `nextStartAt` counts from the creation of a stop build and from the completion of other builds.
 * An autostart that is due while the stop still runs is therefore not lost. It is null if there
 * is no schedule or no allowed day.
 */
export function completeBuild(input: CompletionInput): Completion {
  const { build, workspace, template, completedAt } = input
  const isDeleted = build.transition === "delete"
  if (workspace.isPrebuild) {
    return { ok: true, deadlineAt: null, maxDeadlineAt: null, nextStartAt: null, isDeleted }
  }
  const autostop = calculateAutostop(input)
  if (!autostop.ok) return autostop
  const from = build.transition === "stop" ? build.createdAt : completedAt
  const nextStartAt =
    workspace.autostartSchedule === null
      ? null
      : nextAllowedAutostart(workspace.autostartSchedule, from, template.autostartDays)
  return { ...autostop, nextStartAt, isDeleted }
}
