// Every statement that writes a lifecycle value, tried on a prebuild: none changes it.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { expect, test } from "vitest"
import { setAside } from "../../../src/lifecycle/rules/due.ts"
import { writeNextStarts } from "../../../src/lifecycle/deadlines/next-start-statement.ts"
import { flushStatement } from "../../../src/usage/tracker/flush-statement.ts"
import {
  lifecycleColumns,
  lifecycleWriters,
  type LifecycleWriter,
} from "../../lifecycle-writers.ts"
import { givenUser, type GivenUser } from "../given-people.ts"
import { api, at, query, tick } from "../harness.ts"
import { database, reconcile } from "./given-pools.ts"
import { completeJob, givenWorld, runJob, takeJob, type World } from "./given-world.ts"

const startedAt = new Date("2026-03-04T09:00:00Z")
const minuteMs = 60_000
const hours = (count: number) => new Date(startedAt.getTime() + count * 60 * minuteMs)

/**
 * A policy that would bump, remind, stop, make dormant and delete a person's workspace within
 * hours.
 */
const policy = {
  default_ttl_ms: 60 * minuteMs,
  activity_bump_ms: 60 * minuteMs,
  time_til_autostop_notify_ms: 30 * minuteMs,
  failure_ttl_ms: minuteMs,
  time_til_dormant_ms: minuteMs,
  time_til_dormant_autodelete_ms: minuteMs,
  autostop_requirement_days: 127,
}

type Tempting = { world: World; admin: GivenUser; id: string; buildId: string }

/**
 * A running prebuild whose build was given a deadline directly, which no statement of ours does.
 */
async function givenTempting(): Promise<Tempting> {
  const world = await givenWorld(policy)
  const admin = await givenUser({ roles: ["owner"] })
  await reconcile(startedAt)
  const job = await runJob(world, startedAt)
  const buildId = String(job.build.id)
  await query("update workspace_builds set deadline = $2, max_deadline = $3 where id = $1", [
    buildId,
    hours(1),
    hours(10),
  ])
  await query("update workspaces set last_used_at = $2 where id = $1", [
    job.build.workspace.id,
    new Date("2020-01-01T00:00:00Z"),
  ])
  return { world, admin, id: String(job.build.workspace.id), buildId }
}

const tickForDays = async () => {
  for (const count of [0.6, 1, 2, 24, 24 * 30]) await tick(hours(count))
}

const attempts: Record<LifecycleWriter, (tempting: Tempting) => Promise<unknown>> = {
  "src/builds/create/statement.ts": async ({ admin, id, world }) => {
    const body = { transition: "start" }
    const answer = await api(`/api/v2/workspaces/${id}/builds`, { token: admin.token, body })
    expect(answer.status).toBe(201)
    // Only its own build may differ: it has no deadline either.
    await completeJob(world, await takeJob(world, hours(1)))
    const [latest] = await query(
      "select deadline, max_deadline from workspace_builds where workspace_id = $1 order by build_number desc limit 1",
      [id],
    )
    expect(latest).toEqual({ deadline: null, max_deadline: null })
  },
  "src/lifecycle/rules/due.ts": () => database().all(setAside(hours(5), "timed")),
  "src/lifecycle/deadlines/next-start-statement.ts": ({ id, buildId }) =>
    database().all(
      writeNextStarts([
        {
          open: {
            workspace_id: id,
            build_id: buildId,
            schedule: "CRON_TZ=UTC 0 9 * * 1-5",
            allowed_days: 127,
            stop_created_at: null,
          },
          nextStartAt: hours(24),
        },
      ]),
    ),
  "src/lifecycle/tick/bound-steps.ts": tickForDays,
  "src/lifecycle/tick/build-steps.ts": tickForDays,
  "src/queue/complete/build-statement.ts": async ({ world }) => {
    await query("update template_version_presets set desired_instances = 2 where id = $1", [
      world.presetId,
    ])
    await reconcile(startedAt)
    const job = await runJob(world, startedAt)
    const [own] = await query(
      `select b.deadline, b.max_deadline, w.next_start_at from workspace_builds b
        join workspaces w on w.id = b.workspace_id
       where b.id = $1`,
      [job.build.id],
    )
    expect(own).toEqual({ deadline: null, max_deadline: null, next_start_at: null })
  },
  "src/templates/policy/follow-schedule-change.ts": async ({ world, admin }) => {
    await changePolicy(world, admin, {
      default_ttl_ms: 2 * 60 * minuteMs,
      allow_user_autostart: false,
      autostart_requirement: { days_of_week: ["monday"] },
      autostop_requirement: { days_of_week: ["sunday"], weeks: 2 },
    })
    await tick(hours(0.1))
  },
  "src/templates/policy/schedule-effects.ts": ({ world, admin }) =>
    changePolicy(world, admin, {
      allow_user_autostop: false,
      default_ttl_ms: 3 * 60 * minuteMs,
      time_til_dormant_autodelete_ms: 5 * minuteMs,
      update_workspace_dormant_at: true,
    }),
  "src/usage/tracker/flush-statement.ts": ({ id }) =>
    database().all(
      flushStatement({
        now: hours(0.9),
        used: [
          {
            workspace_id: id,
            seen_at_ms: new Date("2019-01-01T00:00:00Z").getTime(),
            bump_at_ms: hours(0.9).getTime(),
            next_autostart_at_ms: null,
          },
        ],
        stats: [],
        apps: [],
        permits: [],
      }),
    ),
  "src/workspaces/schedule/changes.ts": async ({ admin, id }) => {
    const bodies = {
      autostart: { schedule: "CRON_TZ=UTC 0 9 * * 1-5" },
      ttl: { ttl_ms: null },
      dormant: { dormant: true },
      extend: { deadline: hours(3).toISOString() },
    }
    for (const [path, body] of Object.entries(bodies)) {
      const answer = await api(`/api/v2/workspaces/${id}/${path}`, {
        method: "PUT",
        token: admin.token,
        body,
      })
      expect([path, answer.status]).toEqual([path, 409])
    }
  },
}

async function changePolicy(world: World, admin: GivenUser, body: Record<string, unknown>) {
  const answer = await api(`/api/v2/templates/${world.template.id}`, {
    method: "PATCH",
    token: admin.token,
    body,
  })
  expect(answer.status).toBe(200)
}

/**
 * The workspace's values and those of its first build that the lifecycle reads, and its last use.
 */
async function valuesOf({ id, buildId }: Tempting) {
  const columns = lifecycleColumns.map((name) =>
    name.includes("deadline") ? `b.${name}` : `w.${name}`,
  )
  const [row] = await query(
    `select ${columns.join(", ")}, w.last_used_at, w.deleted, w.owner_id from workspaces w
      join workspace_builds b on b.id = $2 where w.id = $1`,
    [id, buildId],
  )
  return row
}

test.each(lifecycleWriters)("%s leaves a prebuild alone", async (writer) => {
  const tempting = await givenTempting()
  at(startedAt)
  const before = await valuesOf(tempting)
  expect(before).toMatchObject({ deadline: hours(1), check_at: null, owner_id: prebuildsUserId })
  await attempts[writer](tempting)
  expect(await valuesOf(tempting)).toEqual(before)
  await query("update templates set deleted = true where id = $1", [tempting.world.template.id])
})

test("the same attempts do change a person's workspace", async () => {
  const tempting = await givenTempting()
  const { world, admin, id } = tempting
  at(startedAt)
  const answer = await api("/api/v2/users/me/workspaces", {
    token: world.owner.token,
    body: {
      name: "mine",
      template_id: world.template.id,
      template_version_preset_id: world.presetId,
    },
  })
  expect(answer.body.id).toBe(id)
  const job = await runJob(world, startedAt)
  const claimed = { world, admin, id, buildId: String(job.build.id) }
  for (const writer of [
    "src/usage/tracker/flush-statement.ts",
    "src/lifecycle/tick/bound-steps.ts",
  ] as const) {
    const before = await valuesOf(claimed)
    await attempts[writer](claimed)
    expect([writer, await valuesOf(claimed)]).not.toEqual([writer, before])
  }
})

test("marking a template's workspaces as used changes nothing else of prebuilds", async () => {
  const tempting = await givenTempting()
  at(hours(2))
  const before = await valuesOf(tempting)
  await changePolicy(tempting.world, tempting.admin, { update_workspace_last_used_at: true })
  expect(await valuesOf(tempting)).toEqual({ ...before, last_used_at: hours(2) })
})
