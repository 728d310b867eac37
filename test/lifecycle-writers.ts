/** The files whose statements write what a lifecycle decides by. Each is tried on a prebuild, and a new one has to be. */
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
  "src/lifecycle/tick/transition-statement.ts",
  "src/queue/complete/build-statement.ts",
  "src/templates/policy/follow-schedule-change.ts",
  "src/templates/policy/schedule-effects.ts",
  "src/usage/tracker/flush-statement.ts",
  "src/workspaces/schedule/changes.ts",
] as const

/** The claim ends the separate life: it alone may give a prebuild these values, with an owner. */
export const claimWriter = "src/workspaces/create/statement.ts"

export type LifecycleWriter = (typeof lifecycleWriters)[number]
