// Asking for builds over HTTP: what is made, and each refusal in its order.
import { beforeEach, describe, expect, test } from "vitest"
import { givenOrganization, givenProvisioner, givenUser } from "../given-people.ts"
import { givenPreset, givenTemplate, givenVersion } from "../given-templates.ts"
import { givenAgent, givenBuild, givenDormancy, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"

beforeEach(() => at(epoch))

async function given(
  options: { template?: Record<string, unknown>; parameters?: Record<string, unknown>[] } = {},
) {
  const organization = await givenOrganization()
  const user = await givenUser({ organization })
  const template = await givenTemplate(user, {
    ...(options.template && { columns: options.template }),
    ...(options.parameters && { parameters: options.parameters }),
  })
  const workspace = await givenWorkspace(user, template)
  const neighbour = await givenWorkspace(user, template)
  const build = (body: object, token = user.token) =>
    api(`/api/v2/workspaces/${workspace.id}/builds`, { token, body })
  return { organization, user, template, workspace, neighbour, build }
}

describe("201", () => {
  test("a stop waits as build 2, and reads back the same", async () => {
    const { user, workspace, neighbour, build } = await given()
    await query("update workspace_builds set provisioner_state = 'abc' where id = $1", [
      workspace.build.id,
    ])
    const made = await build({ transition: "stop", reason: "dashboard" })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      build_number: 2,
      transition: "stop",
      status: "pending",
      reason: "dashboard",
      workspace_name: workspace.name,
      workspace_owner_name: user.username,
      template_version_name: "",
      initiator_name: user.username,
      resources: [],
      deadline: null,
      job: {
        status: "pending",
        type: "workspace_build",
        queue_position: 0,
        queue_size: 0,
        input: { workspace_build_id: made.body.id },
      },
      matched_provisioners: { count: 0, available: 0, most_recently_seen: null },
    })
    const read = await api(`/api/v2/workspacebuilds/${made.body.id}`, { token: user.token })
    expect(read.body).toMatchObject({
      id: made.body.id,
      template_version_name: workspace.template.version.name,
    })
    const [row] = await query(
      "select convert_from(provisioner_state, 'utf8') as state from workspace_builds where id = $1",
      [made.body.id],
    )
    expect(row.state).toBe("abc")
    const path = `/api/v2/users/${user.username}/workspace/${workspace.name}/builds/2`
    expect((await api(path, { token: user.token })).body.id).toBe(made.body.id)
    const [other] = await query("select latest_build_number from workspaces where id = $1", [
      neighbour.id,
    ])
    expect(other.latest_build_number).toBe(1)
  })

  test("starting a dormant workspace wakes it", async () => {
    const { workspace, build } = await given()
    await givenDormancy(workspace.id, epoch, epoch)
    at(afterEpoch(60_000))
    expect((await build({ transition: "start" })).status).toBe(201)
    const [row] = await query(
      "select dormant_at, deleting_at, last_used_at from workspaces where id = $1",
      [workspace.id],
    )
    expect(row).toEqual({ dormant_at: null, deleting_at: null, last_used_at: afterEpoch(60_000) })
    const audited = "select 1 from audit_logs where resource_id = $1 and time = $2"
    expect(await query(audited, [workspace.id, afterEpoch(60_000)])).toHaveLength(1)
  })

  test("parameters: preset, request, last value, default; the values find the preset", async () => {
    const { template, workspace, build } = await given({
      parameters: [
        { name: "size", type: "string", mutable: true, required: false, default_value: "s" },
        { name: "region", type: "string", mutable: true, required: false, default_value: "eu" },
      ],
    })
    const preset = await givenPreset(template.version.id, {
      parameters: { size: "l", region: "us" },
    })
    const made = await build({
      transition: "start",
      rich_parameter_values: [
        { name: "size", value: "l" },
        { name: "region", value: "us" },
      ],
    })
    expect(made.body.template_version_preset_id).toBe(preset.id)
    await query("update provisioner_jobs set started_at = $2, completed_at = $2 where id = $1", [
      made.body.job.id,
      epoch,
    ])
    const next = await build({
      transition: "stop",
      rich_parameter_values: [{ name: "region", value: "ap" }],
    })
    expect(next.body.template_version_preset_id).toBeNull()
    const values = await query(
      "select name, value from workspace_build_parameters where workspace_build_id = $1 order by name",
      [next.body.id],
    )
    expect(values).toEqual([
      { name: "region", value: "ap" },
      { name: "size", value: "l" },
    ])
    expect(workspace.id).toBe(next.body.workspace_id)
  })

  test("an orphaned delete ends at once without a live daemon, else it waits", async () => {
    const { organization, template } = await given()
    const admin = await givenUser({ organization, roles: ["owner"] })
    const orphan = async (withDaemon: boolean) => {
      const workspace = await givenWorkspace(admin, template)
      await givenAgent(workspace, workspace.build)
      if (withDaemon) await givenProvisioner({ organization })
      const made = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
        token: admin.token,
        body: { transition: "delete", orphan: true },
      })
      const [row] = await query("select deleted from workspaces where id = $1", [workspace.id])
      return { status: made.body.status, deleted: row.deleted }
    }
    expect(await orphan(false)).toEqual({ status: "deleted", deleted: true })
    expect(await orphan(true)).toEqual({ status: "pending", deleted: false })
  })

  test("the queue's figures count what competes for a live daemon", async () => {
    const { organization, template, user, build } = await given()
    await givenProvisioner({ organization })
    const elder = await givenWorkspace(user, template, { build: null })
    await givenBuild(elder, { status: "pending", at: afterEpoch(-1_000) })
    const made = await build({ transition: "stop" })
    expect(made.body.job).toMatchObject({ queue_position: 2, queue_size: 2 })
    expect(made.body.matched_provisioners).toMatchObject({ count: 1, available: 1 })
    at(afterEpoch(90_001))
    const later = await api(`/api/v2/workspacebuilds/${made.body.id}`, { token: user.token })
    expect(later.body.job).toMatchObject({ queue_position: 0, queue_size: 0 })
  })

  test("ten at once make one build", async () => {
    const { build, workspace } = await given()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => build({ transition: "stop" })),
    )
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([201, 409, 409, 409, 409, 409, 409, 409, 409, 409])
    const [row] = await query(
      "select count(*)::int as n from provisioner_jobs j join workspace_builds b on b.job_id = j.id where b.workspace_id = $1",
      [workspace.id],
    )
    expect(row.n).toBe(2)
  })
})

describe("400", () => {
  test.each([
    [{}, "Validation failed."],
    [{ transition: "restart" }, "Validation failed."],
    [{ transition: "start", reason: "task_resume" }, "Validation failed."],
    [{ transition: "start", orphan: true }, "Orphan is only permitted when deleting a workspace."],
    [
      { transition: "start", on_success: { transition: "start" } },
      "OnSuccess is only permitted when stopping a workspace.",
    ],
    [
      { transition: "start", template_version_id: "7cbc3d2c-9d9f-4b66-bf8a-5a1b3a6e0001" },
      "template version does not exist",
    ],
    [
      { transition: "start", log_level: "debug" },
      "Workspace builds with a custom log level are restricted to administrators only.",
    ],
  ])("%o", async (body, message) => {
    const { build } = await given()
    const answer = await build(body)
    expect([answer.status, answer.body.message]).toEqual([400, message])
  })

  test("another template's version, a failed import, a bad value, an immutable one", async () => {
    const { user, template, build } = await given({
      parameters: [
        {
          name: "region",
          type: "string",
          mutable: false,
          required: true,
          options: JSON.stringify([{ value: "eu" }, { value: "us" }]),
        },
      ],
    })
    const other = await givenTemplate(user)
    const stranger = await build({ transition: "start", template_version_id: other.version.id })
    expect([stranger.status, stranger.body.message]).toEqual([
      400,
      "template version doesn't match template",
    ])
    const failed = await givenVersion(user, {
      status: "failed",
      columns: { template_id: template.id },
    })
    const broken = await build({ transition: "start", template_version_id: failed.id })
    expect([broken.status, broken.body.message]).toEqual([
      400,
      `The provided template version "${failed.name}" has failed to import: "it failed". ` +
        "You cannot build workspaces with it!",
    ])
    const missing = await build({ transition: "start" })
    expect(missing.body).toMatchObject({
      message: 'Unable to validate parameter "region"',
      detail: "parameter value is required",
    })
    const bad = await build({
      transition: "start",
      rich_parameter_values: [{ name: "region", value: "moon" }],
    })
    expect(bad.status).toBe(400)
  })
})

test("403: a member may not read another's workspace; a reader may not act", async () => {
  const { organization, build, user } = await given({ template: { require_active_version: true } })
  const member = await givenUser({ organization })
  expect((await build({ transition: "stop" }, member.token)).status).toBe(404)
  const reader = await givenUser({ organization, roles: ["template-admin"] })
  const refused = await build({ transition: "stop" }, reader.token)
  expect([refused.status, refused.body.message]).toEqual([
    403,
    "You do not have permission to stop this workspace.",
  ])
  expect((await build({ transition: "delete", orphan: true })).status).toBe(403)
  expect(user.organizationId).toBe(organization.id)
})

test("403: a start of an old version where the active one is required", async () => {
  const { user, template, build } = await given({ template: { require_active_version: true } })
  const next = await givenVersion(user, { columns: { template_id: template.id } })
  await query("update templates set active_version_id = $2 where id = $1", [template.id, next.id])
  const refused = await build({ transition: "start" })
  expect([refused.status, refused.body.message]).toEqual([403, "insert workspace build"])
  expect((await build({ transition: "stop" })).status).toBe(201)
  // A client that receives this 403 starts the active version. An active build would refuse that
  // as well, so it is reported first.
  expect((await build({ transition: "start" })).status).toBe(409)
})

test("a start of another version notifies the other template admins", async () => {
  const { organization, user, template, workspace, build } = await given()
  const admin = () => givenUser({ roles: ["template-admin"], organization })
  const admins = [await admin(), await admin()]
  const stranger = await givenUser({ roles: ["template-admin"] })
  const next = await givenVersion(user, { columns: { template_id: template.id } })
  await build({ transition: "stop" })
  const told = () =>
    query(
      `select user_id, labels from notification_messages
       where template_id = 'd089fe7b-d5c5-4c0c-aaf5-689859f7d392' and targets[1] = $1`,
      [workspace.id],
    )
  expect(await told()).toEqual([])
  await query(
    "update provisioner_jobs set started_at = created_at, completed_at = created_at where completed_at is null",
  )
  expect((await build({ transition: "start", template_version_id: next.id })).status).toBe(201)
  const heard = await told()
  const who = heard.map(({ user_id }) => user_id)
  expect(who).toEqual(expect.arrayContaining(admins.map(({ id }) => id)))
  expect(who).not.toContain(user.id)
  expect(who).not.toContain(stranger.id)
  expect(heard[0].labels).toMatchObject({
    initiator: user.username,
    workspace: workspace.name,
    version: next.name,
  })
})

test("406: a version that is still imported", async () => {
  const { user, template, build } = await given()
  const next = await givenVersion(user, {
    status: "running",
    columns: { template_id: template.id },
  })
  const refused = await build({ transition: "start", template_version_id: next.id })
  expect(refused.status).toBe(406)
})

test("409: a build is active; the workspace is deleted", async () => {
  const { workspace, build } = await given()
  expect((await build({ transition: "stop" })).status).toBe(201)
  const active = await build({ transition: "start" })
  expect([active.status, active.body.message, active.body.detail]).toEqual([
    409,
    "A workspace build is already active.",
    "A workspace build is already active.",
  ])
  await query("update workspaces set deleted = true where id = $1", [workspace.id])
  const gone = await build({ transition: "start" })
  expect([gone.status, gone.body.message]).toEqual([409, "Cannot start a deleted workspace!"])
})

describe("cancel", () => {
  const cancel = (id: string, token: string, expect = "") =>
    api(`/api/v2/workspacebuilds/${id}/cancel${expect && `?expect_status=${expect}`}`, {
      method: "PATCH",
      token,
    })

  test("a pending build ends at once, a running one is asked to end", async () => {
    const { user, workspace, neighbour } = await given({
      template: { allow_user_cancel_workspace_jobs: true },
    })
    const pending = await givenBuild(workspace, { transition: "stop", status: "pending" })
    expect((await cancel(pending.id, user.token)).body.message).toBe(
      "Job has been marked as canceled...",
    )
    expect(
      (await api(`/api/v2/workspacebuilds/${pending.id}`, { token: user.token })).body.status,
    ).toBe("canceled")
    expect((await cancel(pending.id, user.token)).body.message).toBe("Job has already completed!")
    const running = await givenBuild(neighbour, {
      transition: "stop",
      status: "running",
      job: { worker_id: crypto.randomUUID() },
    })
    expect((await cancel(running.id, user.token, "pending")).status).toBe(412)
    expect((await cancel(running.id, user.token, "x")).status).toBe(400)
    expect((await cancel(running.id, user.token, "running")).status).toBe(200)
    expect(
      (await api(`/api/v2/workspacebuilds/${running.id}`, { token: user.token })).body.status,
    ).toBe("canceling")
    expect((await cancel(running.id, user.token)).body.message).toBe(
      "Job has already been marked as canceled!",
    )
  })

  test("the template's rule holds, except for an expected pending job and for owners", async () => {
    const { user, workspace, organization } = await given()
    const owner = await givenUser({ organization, roles: ["owner"] })
    const build = await givenBuild(workspace, { transition: "stop", status: "pending" })
    const refused = await cancel(build.id, user.token)
    expect([refused.status, refused.body.message]).toEqual([
      403,
      "User is not allowed to cancel workspace builds. Owner role is required.",
    ])
    expect((await cancel(build.id, user.token, "running")).status).toBe(403)
    expect((await cancel(build.id, user.token, "pending")).status).toBe(200)
    const next = await givenBuild(workspace, { transition: "stop", status: "pending" })
    expect((await cancel(next.id, owner.token)).status).toBe(200)
  })
})
