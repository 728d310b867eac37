// The activity bump on real PostgreSQL, against the groups `activity_bump` and `activityBump`:
// what the flush writes.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { lifecycle, prebuilds } from "../../cases/read.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate, type JobStatus } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, epoch, query } from "../harness.ts"

type Case = {
  now: Date
  nextAutostartAt: Date | null
  template: { default_ttl_ms: number; activity_bump_ms: number; allow_user_autostop: boolean }
  ttlMs: number | null
  isPrebuild: boolean
  transition: "start" | "stop" | "delete"
  deadline: Date | null
  maxDeadline: Date | null
  status: JobStatus
  completedAt: Date | null
}

/**
 * Flushes one bump over a workspace in that state, and returns its deadline and whether the build
 * was written.
 */
async function bump(given: Case): Promise<{ deadline: Date | null; isUpdated: boolean }> {
  const user = await givenUser()
  const template = await givenTemplate(user, { columns: given.template })
  const workspace = await givenWorkspace(
    given.isPrebuild ? { id: prebuildsUserId } : user,
    template,
    {
      columns: {
        ttl_ms: given.isPrebuild || given.ttlMs === 0 ? null : given.ttlMs,
        last_used_at: epoch,
      },
      build: {
        transition: given.transition,
        status: given.status,
        at: given.completedAt ?? new Date(given.now.getTime() - 60_000),
        columns: { deadline: given.deadline, max_deadline: given.maxDeadline },
      },
    },
  )
  // A ttl of zero is no ttl in a row that the API writes; the rule is asked about it all the same.
  if (given.ttlMs === 0) {
    await query("alter table workspaces drop constraint if exists workspaces_ttl")
    await query("update workspaces set ttl_ms = 0 where id = $1", [workspace.id])
  }
  const tracker = env.USAGE_TRACKER.getByName(`bump-${crypto.randomUUID()}`)
  const mark = {
    workspaceId: workspace.id,
    seenAtMs: given.now.getTime(),
    bump: { nextAutostartAtMs: given.nextAutostartAt?.getTime() ?? null },
  }
  await tracker.keep({ marks: [mark], stats: [], permit: null })
  const report = await tracker.flush()
  expect(report.ok).toBe(true)
  const [row] = await query("select deadline from workspace_builds where id = $1", [
    workspace.build.id,
  ])
  return { deadline: row.deadline && new Date(row.deadline), isUpdated: report.bumped === 1 }
}

const instant = (text: string | null) =>
  text === null || text.startsWith("0001") ? null : new Date(text)

describe("activity_bump", () => {
  test.each(lifecycle.groups.activity_bump)("$id $name", async ({ input, expected }) => {
    const result = await bump({
      now: new Date(input.now),
      nextAutostartAt: instant(input.next_autostart),
      template: {
        default_ttl_ms: input.template.default_ttl_seconds * 1_000,
        activity_bump_ms: input.template.activity_bump_seconds * 1_000,
        allow_user_autostop: input.template.allow_user_autostop,
      },
      ttlMs: input.workspace.ttl_seconds === null ? null : input.workspace.ttl_seconds * 1_000,
      isPrebuild: input.workspace.prebuild,
      transition: input.build.transition as Case["transition"],
      deadline: instant(input.build.deadline),
      maxDeadline: instant(input.build.max_deadline),
      status: input.job.status as JobStatus,
      completedAt: instant(input.job.completed_at),
    })
    expect(result).toEqual({ deadline: instant(expected.deadline), isUpdated: expected.updated })
  })
})

describe("activityBump", () => {
  test.each(prebuilds.groups.activityBump)("$name", async (row) => {
    const now = new Date("2024-01-01T12:00:00Z")
    const after = (minutes: number | null) =>
      minutes === null ? null : new Date(now.getTime() + minutes * 60_000)
    const result = await bump({
      now,
      nextAutostartAt: after(row.nextAutostartInMin),
      template: {
        default_ttl_ms: row.templateTtlMin * 60_000,
        activity_bump_ms: row.activityBumpMin * 60_000,
        allow_user_autostop: row.allowUserAutostop,
      },
      ttlMs: row.workspaceTtlMin * 60_000,
      isPrebuild: false,
      transition: row.transition as Case["transition"],
      deadline: after(row.deadlineOffsetMin),
      maxDeadline: after(row.maxDeadlineOffsetMin),
      status: row.jobCompleted ? "succeeded" : "running",
      completedAt: row.jobCompleted ? new Date(now.getTime() - 60_000) : null,
    })
    expect(result.deadline).toEqual(
      after(row.expectedNewDeadlineFromNowMin ?? row.deadlineOffsetMin),
    )
  })
})

test.each([
  ["activity_bump_ms", { activity_bump_ms: 259_200_000_000_000 }, null],
  ["default_ttl_ms", { default_ttl_ms: 259_200_000_000_000, allow_user_autostop: false }, 60_000],
])("a huge %s bumps by ten years and fails nothing", async (_, columns, nextInMs) => {
  const user = await givenUser()
  const template = await givenTemplate(user, { columns })
  const build = { columns: { deadline: afterEpoch(600_000) } }
  const huge = await givenWorkspace(user, template, { build })
  const other = await givenWorkspace(user, await givenTemplate(user), { build })
  const seenAt = afterEpoch(1_000)
  const nextAutostartAtMs = nextInMs === null ? null : seenAt.getTime() + nextInMs
  const tracker = env.USAGE_TRACKER.getByName(`bump-${crypto.randomUUID()}`)
  const marks = [huge, other].map(({ id }) => ({
    workspaceId: id,
    seenAtMs: seenAt.getTime(),
    bump: { nextAutostartAtMs },
  }))
  await tracker.keep({ marks, stats: [], permit: null })
  expect(await tracker.flush()).toMatchObject({ ok: true, used: 2, left: 0 })
  const [row] = await query("select deadline from workspace_builds where id = $1", [huge.build.id])
  const stepMs = 3650 * 86_400_000 + (nextInMs ?? 0)
  expect(row.deadline).toEqual(new Date(seenAt.getTime() + stepMs))
})

test("an older mark that bumps with a reminder lead leaves a later use alone", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user, {
    columns: { time_til_autostop_notify_ms: 30 * 60_000 },
  })
  const usedAt = afterEpoch(300_000)
  const workspace = await givenWorkspace(user, template, {
    columns: { last_used_at: usedAt },
    build: { columns: { deadline: afterEpoch(600_000) } },
  })
  await query("update workspaces set check_at = $2 where id = $1", [
    workspace.id,
    afterEpoch(86_400_000),
  ])
  const tracker = env.USAGE_TRACKER.getByName(`bump-${crypto.randomUUID()}`)
  const seenAtMs = epoch.getTime()
  const mark = { workspaceId: workspace.id, seenAtMs, bump: { nextAutostartAtMs: null } }
  await tracker.keep({ marks: [mark], stats: [], permit: null })
  expect(await tracker.flush()).toMatchObject({ ok: true, bumped: 1 })
  const [row] = await query("select last_used_at, check_at from workspaces where id = $1", [
    workspace.id,
  ])
  expect(row).toEqual({ last_used_at: usedAt, check_at: afterEpoch(3_600_000 - 30 * 60_000) })
})

test("a bump moves check_at to the reminder if the template has a lead", async () => {
  const user = await givenUser()
  const now = new Date("2024-01-01T12:00:00Z")
  for (const [leadMs, expected] of [
    [30 * 60_000, new Date("2024-01-01T12:30:00Z")],
    [0, new Date("2024-01-02T00:00:00Z")],
  ] as const) {
    const template = await givenTemplate(user, { columns: { time_til_autostop_notify_ms: leadMs } })
    const workspace = await givenWorkspace(user, template, {
      build: { columns: { deadline: new Date("2024-01-01T12:10:00Z") } },
    })
    await query("update workspaces set check_at = '2024-01-02T00:00:00Z' where id = $1", [
      workspace.id,
    ])
    const tracker = env.USAGE_TRACKER.getByName(`bump-${crypto.randomUUID()}`)
    const mark = {
      workspaceId: workspace.id,
      seenAtMs: now.getTime(),
      bump: { nextAutostartAtMs: null },
    }
    await tracker.keep({ marks: [mark], stats: [], permit: null })
    await tracker.flush()
    const [row] = await query("select check_at from workspaces where id = $1", [workspace.id])
    expect(new Date(row.check_at)).toEqual(expected)
  }
})
