// The files whose statements write the columns that the lifecycle decides by.
//
// Each is tried on a prebuild, and so must a new one be.
export const lifecycleColumns = [
  "autostart_schedule",
  "next_start_at",
  "ttl_ms",
  "dormant_at",
  "deleting_at",
  "check_at",
  "deadline",
  "max_deadline",
  "notified_autostop_deadline",
] as const

export const lifecycleWriters = [
  "src/builds/create/statement.ts",
  "src/lifecycle/rules/due.ts",
  "src/lifecycle/deadlines/next-start-statement.ts",
  "src/lifecycle/tick/bound-steps.ts",
  "src/lifecycle/tick/build-steps.ts",
  "src/queue/complete/build-statement.ts",
  "src/templates/policy/follow-schedule-change.ts",
  "src/templates/policy/schedule-effects.ts",
  "src/usage/tracker/flush-statement.ts",
  "src/workspaces/schedule/changes.ts",
] as const

/** A claim gives a prebuild an owner, so it alone may write these values. */
export const claimWriter = "src/workspaces/create/statement.ts"

export type LifecycleWriter = (typeof lifecycleWriters)[number]
