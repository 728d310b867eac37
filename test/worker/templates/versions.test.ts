// Versions after their import: what they say, and the few things of them that change.
import { describe, expect, test } from "vitest"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenPreset, givenTemplate, givenVersion } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api, fetchWorker, query } from "../harness.ts"
import { insertRow } from "../rows.ts"

const admin = () => givenUser({ roles: ["template-admin"] })
const version = "/api/v2/templateversions"

async function call(user: GivenUser, method: string, path: string, body?: unknown) {
  return api(path, { method, token: user.token, ...(body !== undefined && { body }) })
}

describe("what a version says", () => {
  test("parameters in their order, with absent validations absent", async () => {
    const user = await admin()
    const template = await givenTemplate(user, {
      parameters: [
        {
          name: "zone",
          display_order: 2,
          description: "Where **it** [runs](https://x.test)",
          required: false,
          default_value: "eu",
        },
        {
          name: "cpus",
          display_order: 1,
          type: "number",
          validation_min: 1,
          validation_max: 8,
          mutable: true,
        },
      ],
    })
    const { status, body } = await call(
      user,
      "GET",
      `${version}/${template.version.id}/rich-parameters`,
    )
    expect(status).toBe(200)
    expect(body).toEqual([
      {
        name: "cpus",
        description: "",
        description_plaintext: "",
        type: "number",
        form_type: "",
        mutable: true,
        default_value: "",
        icon: "",
        options: [],
        validation_min: 1,
        validation_max: 8,
        required: true,
        ephemeral: false,
      },
      expect.objectContaining({
        name: "zone",
        description_plaintext: "Where it runs",
        required: false,
      }),
    ])
  })

  test("425 and 400 before the import has ended", async () => {
    const user = await admin()
    const pending = await givenVersion(user, { status: "running" })
    expect(await call(user, "GET", `${version}/${pending.id}/rich-parameters`)).toMatchObject({
      status: 425,
      body: { message: "Template version job has not finished" },
    })
    expect(await call(user, "GET", `${version}/${pending.id}/resources`)).toMatchObject({
      status: 400,
      body: { message: "Job hasn't completed!" },
    })
  })

  test("variables by name, sensitive ones redacted", async () => {
    const user = await admin()
    const { id } = await givenVersion(user)
    await insertRow("template_version_variables", {
      template_version_id: id,
      name: "token",
      value: "s3cret",
      sensitive: true,
    })
    await insertRow("template_version_variables", {
      template_version_id: id,
      name: "region",
      value: "eu",
    })
    const { body } = await call(user, "GET", `${version}/${id}/variables`)
    expect(body.map(({ name, value }: { name: string; value: string }) => [name, value])).toEqual([
      ["region", "eu"],
      ["token", "*redacted*"],
    ])
  })

  test("presets with capital keys", async () => {
    const user = await admin()
    const { id } = await givenVersion(user)
    const preset = await givenPreset(id, {
      parameters: { cpus: "2" },
      columns: { desired_instances: 3, is_default: true },
    })
    const { body } = await call(user, "GET", `${version}/${id}/presets`)
    expect(body).toEqual([
      {
        ID: preset.id,
        Name: preset.name,
        Parameters: [{ Name: "cpus", Value: "2" }],
        Default: true,
        DesiredPrebuildInstances: 3,
        Description: "",
        Icon: "",
      },
    ])
  })

  test("resources of the plan, the log, and lists that are always empty", async () => {
    const user = await admin()
    const { id, jobId } = await givenVersion(user)
    const row = { job_id: jobId, type: "disk", created_at: new Date(), id: crypto.randomUUID() }
    await insertRow("workspace_resources", { ...row, name: "home", transition: "stop" })
    await insertRow("provisioner_job_logs", {
      job_id: jobId,
      created_at: new Date(),
      source: "provisioner",
      level: "info",
      stage: "Planning",
      output: "hello",
    })
    const resources = await call(user, "GET", `${version}/${id}/resources`)
    expect(resources.body).toMatchObject([{ name: "home", workspace_transition: "stop" }])
    expect((await call(user, "GET", `${version}/${id}/logs`)).body).toMatchObject([
      { output: "hello" },
    ])
    for (const name of ["external-auth", "schema", "parameters"]) {
      expect(await call(user, "GET", `${version}/${id}/${name}`)).toMatchObject({
        status: 200,
        body: [],
      })
    }
  })

  test("nothing to a stranger", async () => {
    const { id } = await givenVersion(await admin())
    const stranger = await givenUser({ organization: await givenOrganization() })
    for (const name of [
      "rich-parameters",
      "variables",
      "presets",
      "resources",
      "logs",
      "external-auth",
    ]) {
      expect((await call(stranger, "GET", `${version}/${id}/${name}`)).status).toBe(404)
    }
  })
})

describe("changing a version", () => {
  test("its name and message; a name in use is a 400", async () => {
    const user = await admin()
    const template = await givenTemplate(user)
    const second = await givenVersion(user, { columns: { template_id: template.id, message: "m" } })
    const path = `${version}/${second.id}`
    expect((await call(user, "PATCH", path, { name: "v2.0" })).body).toMatchObject({
      name: "v2.0",
      message: "m",
    })
    expect((await call(user, "PATCH", path, { message: "n" })).body).toMatchObject({
      name: "v2.0",
      message: "n",
    })
    expect(await call(user, "PATCH", path, { name: template.version.name })).toMatchObject({
      status: 400,
      body: { validations: [{ field: "name", detail: "Name is already used" }] },
    })
    expect((await call(await givenUser(), "PATCH", path, { message: "x" })).status).toBe(403)
  })

  test("cancel: at once if the job is pending, else by its daemon, 400 once it ended", async () => {
    const user = await admin()
    const pending = await givenVersion(user, { status: "pending" })
    const running = await givenVersion(user, { status: "running" })
    const done = await givenVersion(user)
    const cancel = (id: string) => call(user, "PATCH", `${version}/${id}/cancel`)
    expect((await cancel(pending.id)).body).toEqual({
      message: "Job has been marked as canceled...",
    })
    expect((await cancel(running.id)).status).toBe(200)
    const status = async (id: string) =>
      (await call(user, "GET", `${version}/${id}`)).body.job.status
    expect([await status(pending.id), await status(running.id)]).toEqual(["canceled", "canceling"])
    expect((await cancel(running.id)).body.message).toBe("Job has already been marked as canceled!")
    expect((await cancel(done.id)).body.message).toBe("Job has already completed!")
    expect((await call(await givenUser(), "PATCH", `${version}/${pending.id}/cancel`)).status).toBe(
      403,
    )
  })

  test("archive and unarchive one that nothing uses", async () => {
    const user = await admin()
    const template = await givenTemplate(user)
    const old = await givenVersion(user, { columns: { template_id: template.id } })
    const post = (id: string, verb: string) => call(user, "POST", `${version}/${id}/${verb}`)
    expect(await post(old.id, "archive")).toMatchObject({
      status: 200,
      body: `template version "${old.id}" archived`,
    })
    expect((await post(old.id, "archive")).body.message).toBe("Template version already archived")
    expect((await post(old.id, "unarchive")).body).toBe(`template version "${old.id}" unarchived`)
    expect((await post(old.id, "unarchive")).status).toBe(400)
    const active = await post(template.version.id, "archive")
    expect(active).toMatchObject({
      status: 400,
      body: { detail: "It is the active version of its template." },
    })
  })

  test("archives unused versions: failed ones, or all finished ones", async () => {
    const user = await admin()
    const template = await givenTemplate(user)
    const make = (status: "succeeded" | "failed" | "canceled" | "running") =>
      givenVersion(user, { status, columns: { template_id: template.id } })
    const [failed, canceled, fine, built] = [
      await make("failed"),
      await make("canceled"),
      await make("succeeded"),
      await make("succeeded"),
    ]
    await make("running")
    const workspace = await givenWorkspace(user, template)
    await query("update workspace_builds set template_version_id = $1 where workspace_id = $2", [
      built.id,
      workspace.id,
    ])
    const archive = async (all: boolean) =>
      (
        await call(user, "POST", `/api/v2/templates/${template.id}/versions/archive`, { all })
      ).body.archived_ids.toSorted()
    expect(await archive(false)).toEqual([failed.id])
    expect(await archive(true)).toEqual([canceled.id, fine.id].toSorted())
    expect(await archive(true)).toEqual([])
  })

  test("promote: only an imported, living version of the same template", async () => {
    const user = await admin()
    const template = await givenTemplate(user)
    const path = `/api/v2/templates/${template.id}/versions`
    const of = (options: Parameters<typeof givenVersion>[1] = {}) =>
      givenVersion(user, { ...options, columns: { template_id: template.id, ...options.columns } })
    const next = await of()
    const promote = (id: string, who = user) => call(who, "PATCH", path, { id })
    expect((await promote(crypto.randomUUID())).status).toBe(404)
    expect((await promote((await givenVersion(user)).id)).status).toBe(400)
    expect((await promote((await of({ columns: { archived: true } })).id)).status).toBe(400)
    expect(await promote((await of({ status: "failed" })).id)).toMatchObject({
      status: 403,
      body: { message: "Only versions that have been built successfully can be promoted." },
    })
    expect((await promote(next.id, await givenUser())).status).toBe(403)
    expect((await promote(next.id)).body).toEqual({
      message: "Updated the active template version!",
    })
    expect(
      (await call(user, "GET", `/api/v2/templates/${template.id}`)).body.active_version_id,
    ).toBe(next.id)
  })
})

test("a dry run has succeeded when it is answered, and can be asked for again", async () => {
  const user = await admin()
  const member = await givenUser()
  const template = await givenTemplate(user)
  const base = `${version}/${template.version.id}/dry-run`
  const { status, body } = await call(member, "POST", base, {
    workspace_name: "w",
    rich_parameter_values: [],
  })
  expect(status).toBe(201)
  expect(body).toMatchObject({ status: "succeeded", type: "template_version_dry_run" })
  expect((await call(member, "GET", `${base}/${body.id}`)).body.id).toBe(body.id)
  expect((await call(member, "GET", `${base}/${body.id}/resources`)).body).toEqual([])
  expect((await call(member, "GET", `${base}/${body.id}/logs`)).body).toEqual([])
  expect((await call(member, "PATCH", `${base}/${body.id}/cancel`)).status).toBe(400)
  expect((await call(await givenUser(), "GET", `${base}/${body.id}`)).status).toBe(404)
  const socket = await fetchWorker(`${base}/${body.id}/logs?follow`, {
    token: member.token,
    headers: { Upgrade: "websocket" },
  })
  expect(socket.status).toBe(101)
  socket.webSocket?.accept()
  socket.webSocket?.close()
})
