// Running hours by day: of a workspace, a person and a template, as JSON and as a table.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { expect, test } from "vitest"
import { givenOrganization, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, at, epoch, query } from "../harness.ts"

const window = "start_time=2026-03-01T00:00:00Z&end_time=2026-03-04T00:00:00Z"
const march = (text: string) => new Date(`2026-03-${text}:00Z`)

async function given() {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template, { build: { at: march("01T22:00") } })
  await givenBuild(workspace, {
    transition: "stop",
    at: march("02T06:30"),
    columns: { reason: "autostop" },
  })
  await givenBuild(workspace, { at: march("03T10:00") })
  await givenBuild(workspace, { transition: "stop", status: "failed", at: march("03T11:00") })
  at(epoch)
  return { user, template, workspace }
}

test("a workspace's runs are cut at midnight, and a failed stop does not end one", async () => {
  const { user, workspace } = await given()
  const { status, body } = await api(
    `/api/v2/insights/running-time?${window}&workspace_id=${workspace.id}`,
    {
      token: user.token,
    },
  )
  expect(status).toBe(200)
  expect(body).toMatchObject({
    total_hours: 2 + 6.5 + 14,
    days: [
      { date: "2026-03-01", hours: 2 },
      { date: "2026-03-02", hours: 6.5 },
      { date: "2026-03-03", hours: 14 },
    ],
    intervals: [
      {
        started_at: "2026-03-01T22:00:00Z",
        ended_at: "2026-03-02T06:30:00Z",
        ended_by: "stop",
        ended_reason: "autostop",
      },
      { started_at: "2026-03-03T10:00:00Z", ended_at: null, ended_by: null, ended_reason: null },
    ],
  })
  const shifted = "start_time=2026-03-02T00:00:00%2B02:00&end_time=2026-03-03T00:00:00%2B02:00"
  const local = await api(`/api/v2/insights/running-time?${shifted}&workspace_id=${workspace.id}`, {
    token: user.token,
  })
  expect(local.body.days).toEqual([{ date: "2026-03-02", hours: 8.5 }])
})

test("the CSV form quotes texts and has no cell that a spreadsheet would execute", async () => {
  const { user, workspace, template } = await given()
  await query("update workspaces set name = $2 where id = $1", [workspace.id, '=cmd("x"),y'])
  const { text, headers } = await api(
    `/api/v2/insights/running-time?${window}&user_id=${user.id}&format=csv`,
    { token: user.token },
  )
  expect(headers.get("content-type")).toBe("text/csv; charset=utf-8")
  const tail = `${user.id},${user.username},${template.id},${template.name}`
  const name = `"'=cmd(""x""),y"`
  expect(text).toBe(
    [
      "date,workspace_id,workspace,user_id,user,template_id,template,hours,ended_by,ended_reason",
      `2026-03-01,${workspace.id},${name},${tail},2.0000,,`,
      `2026-03-02,${workspace.id},${name},${tail},6.5000,stop,autostop`,
      `2026-03-03,${workspace.id},${name},${tail},14.0000,,`,
      "",
    ].join("\r\n"),
  )
})

test("a claimed prebuild ran for the pool until the claim", async () => {
  const admin = await givenUser({ roles: ["owner"] })
  const user = await givenUser()
  const template = await givenTemplate(admin)
  const workspace = await givenWorkspace({ id: prebuildsUserId }, template, {
    build: { at: march("02T00:00") },
  })
  await query("update workspaces set owner_id = $2 where id = $1", [workspace.id, user.id])
  await givenBuild(
    { ...workspace, ownerId: user.id },
    { at: march("02T05:00"), job: { input: { prebuilt_workspace_stage: 2 } } },
  )
  const hours = async (search: string) =>
    (await api(`/api/v2/insights/running-time?${window}&${search}`, { token: admin.token })).body
  expect((await hours(`user_id=${user.id}`)).total_hours).toBe(43)
  const all = await hours(`template_id=${template.id}`)
  expect(all.total_hours).toBe(48)
  expect(all.intervals[0]).toMatchObject({
    user_id: prebuildsUserId,
    ended_by: "start",
    ended_reason: "claim",
  })
})

test("running time answers 400 without one subject, 404 to a stranger", async () => {
  const { user, workspace, template } = await given()
  const stranger = await givenUser({ organization: await givenOrganization() })
  const path = `/api/v2/insights/running-time?${window}`
  expect((await api(path, { token: user.token })).status).toBe(400)
  expect(
    (
      await api(`${path}&workspace_id=${workspace.id}&template_id=${template.id}`, {
        token: user.token,
      })
    ).status,
  ).toBe(400)
  for (const subject of [
    `workspace_id=${workspace.id}`,
    `template_id=${template.id}`,
    `user_id=${user.id}`,
  ]) {
    expect((await api(`${path}&${subject}`, { token: stranger.token })).status).toBe(404)
  }
  expect(
    (
      await api(
        `/api/v2/insights/running-time?start_time=2025-03-01T00:00:00Z&end_time=2026-03-01T00:00:00Z&user_id=${user.id}`,
        { token: user.token },
      )
    ).status,
  ).toBe(400)
})
