// Use of workspaces, from raw statistics through the roll-up to what people read.
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { connect } from "../../../src/platform/db/client.ts"
import { rollUpUsage } from "../../../src/insights/rollups/usage.ts"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"
import { insertRow, type Row } from "../rows.ts"

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

// One roll-up covers everything that the tests of this file insert: raw rows are written first,
// hours before it runs.
const rollUp = async (now: Date) => {
  await query("delete from rollup_marks")
  await query("delete from template_usage_stats")
  await connect(env.DATABASE_URL).all(rollUpUsage(now))
}

async function givenUse(
  user: GivenUser,
  template: GivenTemplate,
  from: Date,
  minutes: number,
  columns: Row = {},
) {
  const workspaceId = crypto.randomUUID()
  for (let minute = 0; minute < minutes; minute++) {
    await insertRow("workspace_agent_stats", {
      created_at: new Date(from.getTime() + minute * minuteMs),
      user_id: user.id,
      workspace_id: workspaceId,
      template_id: template.id,
      agent_id: workspaceId,
      connection_count: 1,
      session_count_ssh: 1,
      connection_median_latency_ms: 20,
      ...columns,
    })
  }
}

const hour = (text: string) => new Date(`2026-03-03T${text}:00Z`)

describe("reports", () => {
  test("a minute counts once for a person and a template", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const [one, two] = [await givenUser(), await givenUser()]
    const template = await givenTemplate(owner)
    const neighbour = await givenTemplate(owner)
    await givenUse(one, template, hour("10:20"), 15)
    await givenUse(one, template, hour("10:25"), 5, {
      session_count_vscode: 2,
      connection_median_latency_ms: 40,
    })
    await givenUse(two, template, new Date(hour("10:20").getTime() - dayMs), 3, {
      connection_median_latency_ms: -1,
    })
    await givenUse(two, neighbour, hour("11:00"), 2)
    const workspace = await givenWorkspace(one, template)
    await insertRow("workspace_app_stats", {
      user_id: one.id,
      workspace_id: workspace.id,
      agent_id: crypto.randomUUID(),
      session_id: crypto.randomUUID(),
      access_method: "path",
      slug_or_port: "dashboard",
      session_started_at: hour("12:00"),
      session_ended_at: hour("12:04"),
      requests: 7,
    })
    const resource = await insertRow("workspace_resources", {
      id: crypto.randomUUID(),
      job_id: template.version.jobId,
      transition: "start",
      type: "compute",
      name: "main",
      created_at: epoch,
    })
    const planned = await insertRow("workspace_agents", {
      id: crypto.randomUUID(),
      resource_id: resource.id,
      name: "main",
      created_at: epoch,
      updated_at: epoch,
    })
    await insertRow("workspace_apps", {
      id: crypto.randomUUID(),
      agent_id: planned.id,
      slug: "dashboard",
      display_name: "The Dashboard",
      icon: "/icon/chart.svg",
      created_at: epoch,
    })
    await rollUp(epoch)
    at(epoch)

    const window = "start_time=2026-03-02T00:00:00Z&end_time=2026-03-04T00:00:00Z"
    const { status, body } = await api(
      `/api/v2/insights/templates?${window}&interval=day&template_ids=${template.id}`,
      {
        token: owner.token,
      },
    )
    expect(status).toBe(200)
    expect(body.report).toMatchObject({
      start_time: "2026-03-02T00:00:00Z",
      end_time: "2026-03-04T00:00:00Z",
      template_ids: [template.id],
      active_users: 2,
    })
    const seconds = Object.fromEntries(
      body.report.apps_usage.map((app: { slug: string; seconds: number }) => [
        app.slug,
        app.seconds,
      ]),
    )
    const unused = { jetbrains: 0, "reconnecting-pty": 0, sftp: 0 }
    expect(seconds).toEqual({ ...unused, vscode: 300, ssh: 18 * 60, dashboard: 240 })
    expect(body.report.apps_usage).toContainEqual({
      template_ids: [template.id],
      type: "app",
      display_name: "The Dashboard",
      slug: "dashboard",
      icon: "/icon/chart.svg",
      seconds: 240,
      times_used: 1,
    })
    expect(body.report.apps_usage).toContainEqual({
      template_ids: [],
      type: "builtin",
      display_name: "SFTP",
      slug: "sftp",
      icon: "/icon/terminal.svg",
      seconds: 0,
      times_used: 0,
    })
    expect(body.interval_reports).toEqual([
      {
        start_time: "2026-03-02T00:00:00Z",
        end_time: "2026-03-03T00:00:00Z",
        template_ids: [template.id],
        interval: "day",
        active_users: 1,
      },
      {
        start_time: "2026-03-03T00:00:00Z",
        end_time: "2026-03-04T00:00:00Z",
        template_ids: [template.id],
        interval: "day",
        active_users: 1,
      },
    ])

    const activity = await api(
      `/api/v2/insights/user-activity?${window}&template_ids=${template.id},${neighbour.id}`,
      { token: owner.token },
    )
    const people = Object.fromEntries(
      activity.body.report.users.map((user: { user_id: string; seconds: number }) => [
        user.user_id,
        user.seconds,
      ]),
    )
    expect(people).toEqual({ [one.id]: 19 * 60, [two.id]: 5 * 60 })
    const latency = await api(
      `/api/v2/insights/user-latency?${window}&template_ids=${template.id}`,
      {
        token: owner.token,
      },
    )
    expect(latency.body.report.users.map((user: { user_id: string }) => user.user_id)).toEqual([
      one.id,
    ])

    const daus = await api(`/api/v2/templates/${template.id}/daus`, { token: one.token })
    expect(daus.body.entries).toHaveLength(61)
    expect(daus.body.entries.slice(-3)).toEqual([
      { date: "2026-03-02", amount: 1 },
      { date: "2026-03-03", amount: 1 },
      { date: "2026-03-04", amount: 0 },
    ])
    const shifted = await api(`/api/v2/templates/${template.id}/daus?tz_offset=14`, {
      token: one.token,
    })
    expect(shifted.body.tz_hour_offset).toBe(14)
    expect(shifted.body.entries.at(-1)).toEqual({ date: "2026-03-04", amount: 1 })
    const all = await api("/api/v2/insights/daus", { token: owner.token })
    expect(all.body.entries.at(-2)).toEqual({ date: "2026-03-03", amount: 2 })
  })

  test("a window without use lists the built-in applications", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const template = await givenTemplate(owner)
    at(epoch)
    const { body } = await api(
      `/api/v2/insights/templates?start_time=2020-03-02T00:00:00Z&end_time=2020-03-04T00:00:00Z&template_ids=${template.id}`,
      { token: owner.token },
    )
    expect(Object.keys(body)).toEqual(["report"])
    expect(body.report).toMatchObject({ template_ids: [], active_users: 0, parameters_usage: [] })
    const used = body.report.apps_usage.map((app: { slug: string; seconds: number }) => [
      app.slug,
      app.seconds,
    ])
    expect(used).toEqual(
      ["jetbrains", "reconnecting-pty", "sftp", "ssh", "vscode"].map((slug) => [slug, 0]),
    )
  })

  test("a second roll-up adds later minutes only", async () => {
    const owner = await givenUser()
    const template = await givenTemplate(owner)
    await givenUse(owner, template, hour("08:00"), 10)
    await query("delete from rollup_marks")
    const db = connect(env.DATABASE_URL)
    await Promise.all([db.all(rollUpUsage(hour("08:07"))), db.all(rollUpUsage(hour("08:07")))])
    await db.all(rollUpUsage(hour("08:07")))
    expect(await secondsOf(template)).toBe(5 * 60)
    await db.all(rollUpUsage(hour("08:30")))
    expect(await secondsOf(template)).toBe(10 * 60)
  })

  test("status counts change from the day of a suspension or a deletion", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const before = await counts(owner)
    const one = await givenUser({ columns: { created_at: afterEpoch(-10 * dayMs) } })
    const two = await givenUser({ columns: { created_at: afterEpoch(-10 * dayMs) } })
    await query("update users set status = 'suspended', updated_at = $2 where id = $1", [
      one.id,
      afterEpoch(-2 * dayMs),
    ])
    await query("update users set deleted = true, updated_at = $2 where id = $1", [
      two.id,
      afterEpoch(-3 * dayMs),
    ])
    const after = await counts(owner)
    const difference = (status: string, index: number) =>
      after[status][index].count - before[status][index].count
    expect(after.active).toHaveLength(62)
    expect([50, 51, 57, 58, 59, 61].map((index) => difference("active", index))).toEqual([
      0, 2, 2, 1, 0, 0,
    ])
    expect([57, 58, 59, 61].map((index) => difference("suspended", index))).toEqual([0, 0, 1, 1])
  })
})

test.each([
  ["a template admin of the site", ["template-admin"], [], 200],
  ["an auditor", ["auditor"], [], 200],
  ["a template admin of one organization", [], ["organization-template-admin"], 403],
])("status counts of everybody for %s", async (_who, roles, organizationRoles, status) => {
  const user = await givenUser({ roles, organizationRoles })
  const answer = await api("/api/v2/insights/user-status-counts", { token: user.token })
  expect(answer.status).toBe(status)
})

describe("refusals", () => {
  const window = "start_time=2026-03-02T00:00:00Z&end_time=2026-03-04T00:00:00Z"

  test.each([
    ["no window", ""],
    ["an end before the start", "?start_time=2026-03-04T00:00:00Z&end_time=2026-03-02T00:00:00Z"],
    [
      "a year of days",
      "?start_time=2025-03-02T00:00:00Z&end_time=2026-03-02T00:00:00Z&interval=day",
    ],
    ["an interval of its own", `?${window}&interval=month`],
    ["a section of its own", `?${window}&sections=all`],
  ])("400: %s", async (_name, search) => {
    const owner = await givenUser({ roles: ["owner"] })
    const { status, body } = await api(`/api/v2/insights/templates${search}`, {
      token: owner.token,
    })
    expect(status).toBe(400)
    expect(body.message).toBe("Query parameter has invalid value.")
    expect(body.validations[0].detail).not.toBe("")
  })

  test.each([
    ["ids that are none", "templates", `?${window}&template_ids=one,two`, "template_ids"],
    ...["15", "-13", "1.5", "1e1", "0x5", "east"].flatMap((offset) => [
      [`an offset of ${offset}`, "daus", `?tz_offset=${offset}`, "tz_offset"],
      [`an offset of ${offset}`, "user-status-counts", `?tz_offset=${offset}`, "tz_offset"],
    ]),
  ])("400: %s (%s)", async (_name, resource, search, field) => {
    const owner = await givenUser({ roles: ["owner"] })
    expect(
      await api(`/api/v2/insights/${resource}${search}`, { token: owner.token }),
    ).toMatchObject({
      status: 400,
      body: { message: "Query parameters have invalid values.", validations: [{ field }] },
    })
  })

  test("insights answer 404 to strangers, 403 to members, 401 without a token", async () => {
    const elsewhere = await givenOrganization()
    const stranger = await givenUser({
      organization: elsewhere,
      organizationRoles: ["organization-admin"],
    })
    const member = await givenUser()
    const template = await givenTemplate(member)
    const path = `/api/v2/insights/user-activity?${window}&template_ids=${template.id}`
    expect((await api(path, { token: stranger.token })).status).toBe(404)
    expect((await api(path, { token: member.token })).status).toBe(403)
    expect(
      (await api(`/api/v2/insights/user-activity?${window}`, { token: member.token })).status,
    ).toBe(403)
    expect((await api(path)).status).toBe(401)
    expect(
      (await api(`/api/v2/templates/${template.id}/daus`, { token: stranger.token })).status,
    ).toBe(404)
    expect((await api("/api/v2/insights/daus", { token: member.token })).status).toBe(403)
  })
})

async function counts(owner: GivenUser) {
  at(epoch)
  return (await api("/api/v2/insights/user-status-counts?timezone=UTC", { token: owner.token }))
    .body.status_counts
}

async function secondsOf(template: GivenTemplate): Promise<number> {
  const [row] = await query(
    "select sum(usage_seconds)::int as seconds from template_usage_stats where template_id = $1",
    [template.id],
  )
  return row.seconds
}
