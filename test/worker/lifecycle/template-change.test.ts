// A change of a template's schedule reaches its workspaces, and nobody else's.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { sql } from "drizzle-orm"
import { env } from "cloudflare:workers"
import { neon } from "@neondatabase/serverless"
import { describe, expect, test } from "vitest"
import { connect, statement } from "../../../src/platform/db/client.ts"
import { relation } from "../../../src/platform/db/row.ts"
import type { TemplateColumns } from "../../../src/templates/policy/columns.ts"
import { followScheduleChange } from "../../../src/templates/policy/follow-schedule-change.ts"
import { scheduleEffects } from "../../../src/templates/policy/schedule-effects.ts"
import { lifecycle as cases } from "../../cases/read.ts"
import { withFaults } from "../faults.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, at, query, tick } from "../harness.ts"
import { instant, templateColumns } from "./executor-cases.ts"

const hourMs = 3_600_000
const db = () => connect(env.DATABASE_URL)
const noIntent = { updateWorkspaceLastUsedAt: false, updateWorkspaceDormantAt: false }

/** The template's own statement, reduced to what the effects need. */
async function change(id: string, columns: Record<string, unknown>, now: Date, intents = noIntent) {
  const set = Object.entries(columns).map(
    ([name, value]) => sql`${sql.identifier(name)} = ${value}`,
  )
  const before = relation<TemplateColumns>("before")
  const after = relation<TemplateColumns>("after")
  await db().all(
    statement(
      "test.change-template",
      sql`with before as (select * from templates where id = ${id}::uuid for update),
        after as (
          update templates
          set ${sql.join([...set, sql`updated_at = ${now}::timestamptz`], sql`, `)}
          where id = ${id}::uuid returning *
        ), ${scheduleEffects(before, after, intents, now)}
        select a.id from before b, after a`,
    ),
  )
  await query(
    "update templates set schedule_changed_at = $2, schedule_changed_starts = true where id = $1",
    [id, now],
  )
  return followScheduleChange(db(), id, now)
}

const workspaceRow = async (id: string) =>
  (await query("select * from workspaces where id = $1", [id]))[0]
const buildRow = async (id: string) =>
  (await query("select deadline, max_deadline from workspace_builds where id = $1", [id]))[0]

describe("template_dormancy_write", () => {
  test.each(cases.groups.template_dormancy_write)("$id $name", async ({ input, expected }) => {
    const now = new Date("2024-01-10T00:00:00Z")
    const user = await givenUser()
    const before = input.time_til_dormant_autodelete_ms === 0 ? 1 : 0
    const template = await givenTemplate(user, {
      columns: { time_til_dormant_autodelete_ms: 86_400_000 + before },
    })
    const isPrebuild = "prebuild" in input.workspace
    const { prebuild: _, ...columns } = { prebuild: false, ...input.workspace }
    const owner = { id: isPrebuild ? prebuildsUserId : user.id }
    const workspace = await givenWorkspace(owner, template, isPrebuild ? {} : { columns })
    const neighbour = await givenWorkspace(user, await givenTemplate(user), {
      columns: { dormant_at: now, deleting_at: now },
    })
    await change(
      template.id,
      { time_til_dormant_autodelete_ms: input.time_til_dormant_autodelete_ms },
      now,
      {
        ...noIntent,
        updateWorkspaceDormantAt: instant(input.dormant_at_argument) !== null,
      },
    )
    const row = await workspaceRow(workspace.id)
    if (!isPrebuild) {
      expect([row.dormant_at, row.deleting_at]).toEqual([
        instant(expected.dormant_at),
        instant(expected.deleting_at),
      ])
    }
    expect(await workspaceRow(neighbour.id)).toMatchObject({ dormant_at: now, deleting_at: now })
    const notices = await query("select labels from notification_messages where user_id = $1", [
      user.id,
    ])
    expect(notices.length).toBe(
      expected.returned_rows === 1 && expected.deleting_at !== null ? 1 : 0,
    )
  })
})

type Ttl = {
  allow_user_autostop: boolean
  default_ttl_hours: number
  workspace_ttl_hours?: number
  failure_ttl_hours?: number
}

describe("template_ttl_propagation", () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the data is fixed and the test checks what it reads
  const rows = cases.groups.template_ttl_propagation as unknown as {
    id: string
    name: string
    input: { before: Ttl; after: Ttl }
    expected: { workspace_ttl_hours: number | null }
  }[]
  const columnsOf = ({ allow_user_autostop, default_ttl_hours, failure_ttl_hours = 0 }: Ttl) => ({
    allow_user_autostop,
    default_ttl_ms: default_ttl_hours * hourMs,
    failure_ttl_ms: failure_ttl_hours * hourMs,
  })
  test.each(rows)("$id $name", async ({ input, expected }) => {
    const now = new Date("2024-01-10T00:00:00Z")
    const user = await givenUser()
    const ttl = { columns: { ttl_ms: (input.before.workspace_ttl_hours ?? 0) * hourMs } }
    const template = await givenTemplate(user, { columns: columnsOf(input.before) })
    const other = await givenTemplate(user, { columns: columnsOf(input.before) })
    const [workspace, neighbour] = [
      await givenWorkspace(user, template, ttl),
      await givenWorkspace(user, other, ttl),
    ]
    await change(template.id, columnsOf(input.after), now)
    const hours = expected.workspace_ttl_hours
    expect((await workspaceRow(workspace.id)).ttl_ms).toEqual(
      hours === null ? null : String(hours * hourMs),
    )
    expect((await workspaceRow(neighbour.id)).ttl_ms).toEqual(String(ttl.columns.ttl_ms))
  })
})

test("the last-used intent reaches all workspaces of the template, prebuilds too", async () => {
  const now = new Date("2026-05-01T00:00:00Z")
  const user = await givenUser()
  const template = await givenTemplate(user)
  const used = await givenWorkspace(user, template)
  const prebuild = await givenWorkspace({ id: prebuildsUserId }, template)
  const neighbour = await givenWorkspace(user, await givenTemplate(user))
  await change(template.id, {}, now, { ...noIntent, updateWorkspaceLastUsedAt: true })
  for (const { id } of [used, prebuild]) expect((await workspaceRow(id)).last_used_at).toEqual(now)
  expect((await workspaceRow(neighbour.id)).last_used_at).not.toEqual(now)
})

describe("running builds", () => {
  type Row = (typeof cases.groups.template_change_running_build)[number]
  const rows: Row[] = cases.groups.template_change_running_build
  test.each(rows.filter(({ expected }) => expected.provisioner_state_unchanged === true))(
    "$id $name",
    async ({ input, expected }) => {
      const now = new Date(input.now)
      const completedAt = new Date(input.build_completed_at)
      const user = await givenUser({ columns: { quiet_hours_schedule: input.quiet_hours } })
      const template = await givenTemplate(user)
      const changed = input.build.other_template ? await givenTemplate(user) : template
      const state = new Uint8Array([1, 2, 3])
      const workspace = await givenWorkspace(user, template, {
        build: {
          at: completedAt,
          status: input.build.completed === false ? "pending" : "succeeded",
          columns: {
            deadline: instant(input.build.deadline),
            max_deadline: instant(input.build.max_deadline),
            provisioner_state: state,
          },
        },
      })
      const isLatest = input.build.build_number === input.build.latest_build_number
      if (!isLatest) await givenBuild(workspace, { at: completedAt })
      await change(changed.id, templateColumns(input.new_template), now)
      expect(await buildRow(workspace.build.id)).toEqual({
        deadline: instant(expected.deadline),
        max_deadline: instant(expected.max_deadline),
      })
    },
  )
})

const admin = () => givenUser({ roles: ["template-admin"] })

describe("template_change_notifications", () => {
  test.each(cases.groups.template_change_notifications)(
    "$id $name",
    async ({ input, expected }) => {
      const now = new Date("2024-01-10T00:00:00Z")
      const editor = await admin()
      const owner = await givenUser()
      const template = await givenTemplate(editor, { columns: templateColumns(input.before) })
      const dormant = { dormant_at: now, deleting_at: new Date(now.getTime() + hourMs) }
      const workspaces = []
      for (const kind of input.workspaces) {
        workspaces.push(
          await givenWorkspace(owner, template, { columns: kind === "dormant" ? dormant : {} }),
        )
      }
      at(now)
      const { status } = await api(`/api/v2/templates/${template.id}`, {
        method: "PATCH",
        body: {
          time_til_dormant_ms: input.after.time_til_dormant_seconds * 1000,
          time_til_dormant_autodelete_ms: input.after.time_til_dormant_autodelete_seconds * 1000,
        },
        token: editor.token,
      })
      expect(status).toBe(200)
      const notices = await query("select id from notification_messages where user_id = $1", [
        owner.id,
      ])
      expect(notices.length).toBe(expected.sent)
      for (const { id } of workspaces)
        expect((await workspaceRow(id)).deleting_at).toBe(expected.deleting_at)
    },
  )
})

describe("prebuild_exclusion", () => {
  test.each(cases.groups.prebuild_exclusion)("$id $name", async ({ input, expected }) => {
    expect(prebuildsUserId).toBe(input.prebuild_owner_id)
    const editor = await admin()
    const owner = await givenUser({ columns: { quiet_hours_schedule: input.quiet_hours } })
    const template = await givenTemplate(editor)
    const build = { at: new Date(input.start_build_completed_at) }
    const prebuild = await givenWorkspace({ id: prebuildsUserId }, template, { build })
    const claimed = await givenWorkspace(owner, template, { build })
    at(new Date(input.now))
    const { status } = await api(`/api/v2/templates/${template.id}`, {
      method: "PATCH",
      body: input.patch_template,
      token: editor.token,
    })
    expect(status).toBe(200)
    expect((await buildRow(prebuild.build.id)).max_deadline).toEqual(expected.prebuild.max_deadline)
    expect((await buildRow(claimed.build.id)).max_deadline).toEqual(
      instant(expected.claimed.max_deadline),
    )
  })
})

const unlocked = "select 1 from workspaces where id = $1 for update skip locked"

/** Ends when another statement waits for a lock that this transaction holds. */
const untilBlocked = `with recursive tries(n, is_over) as (
    select 1, false
    union all
    select n + 1, pg_sleep(0.01) is not null and exists (
      select 1 from pg_locks l where not l.granted and tries.n > 0 and pg_backend_pid() = any(
        pg_blocking_pids(l.pid)))
    from tries where not is_over and n < 1000
  ) select count(*) from tries where $1::uuid is not null`

test("a workspace that is woken while its template changes stays awake", async () => {
  const now = new Date("2026-05-01T00:00:00Z")
  const user = await givenUser()
  const template = await givenTemplate(user, {
    columns: { time_til_dormant_autodelete_ms: hourMs },
  })
  const dormant = { columns: { dormant_at: now, deleting_at: new Date(now.getTime() + hourMs) } }
  const woken = await givenWorkspace(user, template, dormant)
  const asleep = await givenWorkspace(user, template, dormant)
  const client = neon(env.DATABASE_URL)
  const waking = client.transaction([
    client.query("update workspaces set dormant_at = null, deleting_at = null where id = $1", [
      woken.id,
    ]),
    client.query(untilBlocked, [woken.id]),
  ])
  // The waking holds the row until the change waits for it.
  while ((await client.query(unlocked, [woken.id])).length > 0);
  await change(template.id, { time_til_dormant_autodelete_ms: 2 * hourMs }, now)
  await waking
  expect(await workspaceRow(woken.id)).toMatchObject({ dormant_at: null, deleting_at: null })
  expect((await workspaceRow(asleep.id)).deleting_at).toEqual(new Date(now.getTime() + 2 * hourMs))
})

test("the next run continues where one run stopped", async () => {
  const now = new Date("2024-01-01T08:00:00Z")
  const user = await givenUser()
  const template = await givenTemplate(user, { columns: { autostart_days: 30 } })
  const schedule = { columns: { autostart_schedule: "CRON_TZ=UTC 0 9 * * *", next_start_at: now } }
  const workspaces = [
    await givenWorkspace(user, template, schedule),
    await givenWorkspace(user, template, schedule),
  ]
  const [first, second] = workspaces.map(({ id }) => id).toSorted((a, b) => a.localeCompare(b))
  await query(
    "update templates set schedule_changed_at = $2, schedule_changed_starts = true, schedule_followed_to = $3 where id = $1",
    [template.id, now, first],
  )
  const mark = async () =>
    (
      await query("select schedule_changed_at, schedule_followed_to from templates where id = $1", [
        template.id,
      ])
    )[0]
  expect(await followScheduleChange(db(), template.id, now, 1)).toBe(1)
  expect(await mark()).toEqual({ schedule_changed_at: now, schedule_followed_to: first })
  expect((await workspaceRow(first ?? "")).next_start_at).toEqual(now)
  expect((await workspaceRow(second ?? "")).next_start_at).toEqual(new Date("2024-01-02T09:00:00Z"))
  await tick(now)
  expect(await mark()).toEqual({ schedule_changed_at: null, schedule_followed_to: null })
})

test("two changes at one instant leave two marks", async () => {
  const now = new Date("2024-01-01T08:00:00Z")
  at(now)
  const editor = await admin()
  const template = await givenTemplate(editor)
  const changeDays = (days: string[]) =>
    withFaults(
      (text) => (text.includes("schedule_changed_at = null") ? "request_lost" : null),
      () =>
        api(`/api/v2/templates/${template.id}`, {
          method: "PATCH",
          body: { autostart_requirement: { days_of_week: days } },
          token: editor.token,
        }),
    )
  const mark = async (): Promise<Date | null> =>
    (await query("select schedule_changed_at from templates where id = $1", [template.id]))[0]
      .schedule_changed_at
  await changeDays(["monday"])
  const first = await mark()
  await changeDays(["tuesday"])
  const second = await mark()
  expect(first).toEqual(now)
  expect(second?.getTime()).toBeGreaterThan(now.getTime())
  await tick(now)
  expect(await mark()).toBeNull()
})

test("allowed days move the next start, also when the request died before it could", async () => {
  const now = new Date("2024-01-01T08:00:00Z")
  const user = await givenUser()
  const template = await givenTemplate(user, { columns: { autostart_days: 31 } })
  const workspace = await givenWorkspace(user, template, {
    columns: {
      autostart_schedule: "CRON_TZ=UTC 0 9 * * 1-5",
      next_start_at: new Date("2024-01-01T09:00:00Z"),
    },
  })
  await query(
    "update templates set autostart_days = 30, schedule_changed_at = $2, schedule_changed_starts = true where id = $1",
    [template.id, now],
  )
  await tick(now)
  expect((await workspaceRow(workspace.id)).next_start_at).toEqual(new Date("2024-01-02T09:00:00Z"))
  const [row] = await query("select schedule_changed_at from templates where id = $1", [
    template.id,
  ])
  expect(row.schedule_changed_at).toBeNull()
})
