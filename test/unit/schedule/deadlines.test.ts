// Deadlines: at completion and after a template change.
import { describe, expect, test } from "vitest"
import { completeBuild } from "../../../src/schedule/build-completion.ts"
import { calculateAutostop } from "../../../src/schedule/calculate-autostop.ts"
import { recalculateRunningBuild } from "../../../src/schedule/running-build.ts"
import { type AutostopCase, autostopInputOfCase, instant, rowsOf } from "./cases.ts"

type DeadlineExpectation = { deadline: string; max_deadline: string; error?: string }

test.each(rowsOf<AutostopCase, DeadlineExpectation>("calculate_autostop"))(
  "$id $name",
  ({ input, expected }) => {
    const autostop = calculateAutostop(autostopInputOfCase(input))
    if (expected.error !== undefined) {
      expect(autostop).toEqual({ ok: false, error: expected.error })
      return
    }
    expect(autostop).toEqual({
      ok: true,
      deadlineAt: instant(expected.deadline),
      maxDeadlineAt: instant(expected.max_deadline),
    })
  },
)

type CompletionCase = AutostopCase & { transition: "start" | "stop" | "delete" }

test.each(
  rowsOf<CompletionCase, DeadlineExpectation & { workspace_deleted: boolean }>("build_completion"),
)("completion: $id $name", ({ input, expected }) => {
  const autostop = autostopInputOfCase(input)
  const completion = completeBuild({
    ...autostop,
    build: { transition: input.transition, createdAt: autostop.completedAt },
    workspace: { ...autostop.workspace, isPrebuild: false },
  })
  expect(completion).toEqual({
    ok: true,
    deadlineAt: instant(expected.deadline),
    maxDeadlineAt: instant(expected.max_deadline),
    nextStartAt: null,
    isDeleted: expected.workspace_deleted,
  })
})

describe("the next start after a completion", () => {
  const base = {
    ...autostopInputOfCase({
      build_completed_at: "2024-01-01T09:00:40Z",
      template: {
        allow_user_autostop: true,
        default_ttl_seconds: 0,
        autostop_requirement_days_bitmap: 0,
        autostop_requirement_weeks: 1,
      },
      quiet_hours_schedule: null,
      workspace: { ttl_seconds: null, autostart_schedule: "CRON_TZ=UTC 0 9 * * *" },
    }),
  }
  const workspace = { ...base.workspace, isPrebuild: false }
  const createdAt = new Date("2024-01-01T08:59:59Z")

  test.each([
    ["stop", "2024-01-01T09:00:00Z"],
    ["start", "2024-01-02T09:00:00Z"],
  ] as const)("of a %s is %s", (transition, next) => {
    const completion = completeBuild({ ...base, workspace, build: { transition, createdAt } })
    expect(completion).toMatchObject({ nextStartAt: new Date(next) })
  })

  test("a prebuild has neither deadlines nor a next start", () => {
    const prebuild = { ttlMs: 3_600_000, autostartSchedule: "0 9 * * *", isPrebuild: true }
    expect(
      completeBuild({ ...base, workspace: prebuild, build: { transition: "start", createdAt } }),
    ).toEqual({
      ok: true,
      deadlineAt: null,
      maxDeadlineAt: null,
      nextStartAt: null,
      isDeleted: false,
    })
  })
})

type RunningCase = {
  now: string
  build_completed_at: string
  build: {
    transition: string
    job?: string
    started?: boolean
    completed?: boolean
    other_template?: boolean
    build_number?: number
    latest_build_number?: number
    deadline: string
    max_deadline: string
  }
  quiet_hours: string
  new_template: AutostopCase["template"]
  prebuild?: boolean
}
type RunningExpectation = {
  updated?: boolean
  skipped?: boolean
  deadline?: string
  max_deadline?: string
}

/**
 * The statement hands only the latest started build of each of the template's workspaces to the
 * rule.
 */
const runningRows = rowsOf<RunningCase, RunningExpectation>("template_change_running_build").filter(
  ({ input: { build } }) =>
    !build.other_template &&
    build.completed !== false &&
    build.build_number === build.latest_build_number,
)

test.each(runningRows)("running build: $id $name", ({ input, expected }) => {
  const change = recalculateRunningBuild({
    ...autostopInputOfCase({
      build_completed_at: input.build_completed_at,
      template: input.new_template,
      quiet_hours_schedule: input.quiet_hours,
      workspace: { ttl_seconds: null, autostart_schedule: null },
    }),
    now: new Date(input.now),
    build: {
      deadlineAt: instant(input.build.deadline),
      maxDeadlineAt: instant(input.build.max_deadline),
      isPrebuild: input.prebuild ?? false,
      jobStatus: input.build.job ?? "succeeded",
    },
  })
  const isSkipped = expected.skipped === true || expected.updated === false
  expect(change).toEqual(
    isSkipped
      ? { kind: "skip" }
      : {
          kind: "update",
          deadlineAt: instant(expected.deadline),
          maxDeadlineAt: instant(expected.max_deadline),
        },
  )
})
