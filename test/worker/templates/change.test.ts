// Changing templates: what a body leaves out stays, what it says is checked, workspaces follow.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { describe, expect, test } from "vitest"
import { templateSchema } from "../../../src/templates/view.ts"
import { lifecycle } from "../../cases/read.ts"
import { givenOrganization, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, epoch, query } from "../harness.ts"
import { unique } from "../rows.ts"

const hourMs = 3_600_000
const admin = () => givenUser({ roles: ["template-admin"] })
const url = (template: { id: string }) => `/api/v2/templates/${template.id}`

type Row = {
  name: string
  input: { body: Record<string, unknown> & { patch?: true } }
  expected: { status: number; message?: string; validations?: object[]; others?: string }
}
const rows: Row[] = JSON.parse(JSON.stringify(lifecycle.groups.api_template_schedule))

test.each(rows.filter((row) => row.input.body.patch))(
  "api_template_schedule: $name",
  async ({ input, expected }) => {
    const { token, ...user } = await admin()
    const template = await givenTemplate(user, {
      columns: { failure_ttl_ms: hourMs, autostart_days: 31 },
    })
    const before = await api(url(template), { token })
    const { patch: _, ...body } = input.body
    const answer = await api(url(template), { method: "PATCH", token, body })
    expect(answer.status).toBe(expected.status)
    if (expected.message) expect(answer.body.message).toBe(expected.message)
    if (expected.validations) expect(answer.body.validations).toEqual(expected.validations)
    if (expected.status === 200) {
      expect(templateSchema.parse(answer.body)).toEqual(answer.body)
      expect({ ...answer.body, updated_at: "" }).toEqual({
        ...before.body,
        ...body,
        updated_at: "",
      })
    }
  },
)

describe("a change", () => {
  test("of every field is kept, and recorded in the audit trail", async () => {
    const { token, ...user } = await admin()
    const template = await givenTemplate(user)
    const body = {
      name: `renamed-${unique(5)}`,
      display_name: "Renamed",
      description: "d",
      icon: "/i.png",
      default_ttl_ms: hourMs,
      activity_bump_ms: 0,
      time_til_autostop_notify_ms: 60_000,
      autostop_requirement: { days_of_week: ["Sunday", "monday"], weeks: 0 },
      autostart_requirement: { days_of_week: ["friday"] },
      allow_user_autostart: false,
      allow_user_autostop: false,
      allow_user_cancel_workspace_jobs: true,
      failure_ttl_ms: 60_000,
      time_til_dormant_ms: 120_000,
      time_til_dormant_autodelete_ms: 180_000,
      require_active_version: true,
      deprecation_message: "use another",
      max_port_share_level: "owner",
      cors_behavior: "passthru",
      disable_module_cache: true,
    }
    const { status, body: view } = await api(url(template), { method: "PATCH", token, body })
    expect(status).toBe(200)
    expect(view).toMatchObject({
      ...body,
      autostop_requirement: { days_of_week: ["monday", "sunday"], weeks: 1 },
      deprecated: true,
    })
    const [audit] = await query("select action, diff from audit_logs where resource_id = $1", [
      template.id,
    ])
    expect(audit.action).toBe("write")
    expect(audit.diff.display_name).toEqual({ old: "", new: "Renamed", secret: false })
    expect(audit.diff.id).toBeUndefined()
    const dynamic = await api(url(template), {
      method: "PATCH",
      token,
      body: { use_classic_parameter_flow: false },
    })
    expect(dynamic.body.use_classic_parameter_flow).toBe(true)
    const undeprecated = await api(url(template), {
      method: "PATCH",
      token,
      body: { deprecation_message: "", name: "" },
    })
    expect(undeprecated.body).toMatchObject({ deprecated: false, name: body.name })
  })

  test("reaches TTL, deadlines and next starts at once, and no other template", async () => {
    const { token, ...user } = await admin()
    const template = await givenTemplate(user, { columns: { default_ttl_ms: 8 * hourMs } })
    const other = await givenTemplate(user)
    const schedule = { autostart_schedule: "CRON_TZ=UTC 0 9 * * *", ttl_ms: 8 * hourMs }
    const columns = { ...schedule, next_start_at: afterEpoch(24 * hourMs) }
    const workspace = await givenWorkspace(user, template, { columns })
    const neighbour = await givenWorkspace(user, other, { columns })
    // The epoch is a Wednesday: Mondays alone are five days on.
    const body = {
      allow_user_autostop: false,
      default_ttl_ms: hourMs,
      autostart_requirement: { days_of_week: ["monday"] },
    }
    await api(url(template), { method: "PATCH", token, body })
    const read = async (id: string) =>
      (
        await query("select ttl_ms::int as ttl, next_start_at from workspaces where id = $1", [id])
      )[0]
    expect(await read(workspace.id)).toEqual({
      ttl: hourMs,
      next_start_at: new Date("2026-03-09T09:00:00Z"),
    })
    expect(await read(neighbour.id)).toEqual({
      ttl: 8 * hourMs,
      next_start_at: columns.next_start_at,
    })
    const [row] = await query("select schedule_changed_at from templates where id = $1", [
      template.id,
    ])
    expect(row.schedule_changed_at).toBeNull()
  })

  test("the two intents act when nothing else changes", async () => {
    const { token, ...user } = await admin()
    const template = await givenTemplate(user, {
      columns: { time_til_dormant_autodelete_ms: hourMs },
    })
    const earlier = afterEpoch(-24 * hourMs)
    const used = await givenWorkspace(user, template, { columns: { last_used_at: earlier } })
    const dormant = await givenWorkspace(user, template, {
      columns: { dormant_at: earlier, last_used_at: earlier },
    })
    const body = { update_workspace_last_used_at: true, update_workspace_dormant_at: true }
    expect((await api(url(template), { method: "PATCH", token, body })).status).toBe(200)
    const [first] = await query("select last_used_at from workspaces where id = $1", [used.id])
    const [second] = await query("select dormant_at, deleting_at from workspaces where id = $1", [
      dormant.id,
    ])
    expect(first.last_used_at).toEqual(epoch)
    expect(second).toEqual({ dormant_at: epoch, deleting_at: afterEpoch(hourMs) })
  })

  test("409: a name in use; 403: who may only read; 404: who may not", async () => {
    const user = await admin()
    const template = await givenTemplate(user)
    const other = await givenTemplate(user)
    const member = await givenUser()
    const stranger = await givenUser({ organization: await givenOrganization() })
    const patch = (token: string, body: object) =>
      api(url(template), { method: "PATCH", token, body })
    expect(await patch(user.token, { name: other.name.toUpperCase() })).toMatchObject({
      status: 409,
      body: { validations: [{ field: "name" }] },
    })
    expect(await patch(user.token, { description: "a\0b" })).toMatchObject({
      status: 400,
      body: { message: "The request holds a value that cannot be stored." },
    })
    const empty = await api(url(template), { method: "PATCH", token: user.token, body: "" })
    expect([empty.status, empty.body.detail]).toEqual([400, "EOF"])
    expect((await patch(member.token, { icon: "x" })).status).toBe(403)
    expect((await patch(stranger.token, { icon: "x" })).status).toBe(404)
    expect(
      (await patch(user.token, { autostop_requirement: { days_of_week: ["someday"], weeks: 20 } }))
        .body,
    ).toEqual({
      message: "Invalid request to update template metadata!",
      validations: [
        { field: "autostop_requirement.days_of_week", detail: 'invalid weekday "someday"' },
        { field: "autostop_requirement.weeks", detail: "Must be less than 16." },
      ],
    })
  })
})

const centuryMs = 259_200_000_000_000
const durations = [
  "default_ttl_ms",
  "activity_bump_ms",
  "time_til_autostop_notify_ms",
  "failure_ttl_ms",
  "time_til_dormant_ms",
  "time_til_dormant_autodelete_ms",
]

test.each(durations)("400: %s of more than 3650 days", async (field) => {
  const { token, ...user } = await admin()
  const template = await givenTemplate(user)
  const patch = (ms: number) =>
    api(url(template), { method: "PATCH", token, body: { [field]: ms } })
  expect((await patch(centuryMs)).body.validations).toEqual([
    { field, detail: "Must be at most 3650 days." },
  ])
  const ten = await patch(3_650 * 24 * hourMs)
  expect([ten.status, ten.body[field]]).toEqual([200, 3_650 * 24 * hourMs])
})

describe("deleting", () => {
  test("400 while a workspace lives, prebuilds aside; then 404, and the name is free", async () => {
    const user = await admin()
    const { token } = user
    const template = await givenTemplate(user)
    await givenWorkspace({ id: prebuildsUserId }, template)
    const workspace = await givenWorkspace(user, template)
    expect(await api(url(template), { method: "DELETE", token })).toMatchObject({
      status: 400,
      body: { message: "All workspaces must be deleted before a template can be removed." },
    })
    await query("update workspaces set deleted = true where id = $1", [workspace.id])
    const member = await givenUser()
    expect((await api(url(template), { method: "DELETE", token: member.token })).status).toBe(403)
    expect(await api(url(template), { method: "DELETE", token })).toMatchObject({
      status: 200,
      body: { message: "Template has been deleted!" },
    })
    expect((await api(url(template), { token })).status).toBe(404)
    expect((await api(url(template), { method: "DELETE", token })).status).toBe(404)
    const again = await givenTemplate(user, { columns: { name: template.name } })
    expect(again.name).toBe(template.name)
  })
})
