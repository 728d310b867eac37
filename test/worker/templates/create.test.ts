// From an upload to a template: versions, their import jobs, and the templates made of them.
import { describe, expect, test } from "vitest"
import { templateSchema } from "../../../src/templates/view.ts"
import { versionSchema } from "../../../src/templates/versions/view.ts"
import { lifecycle } from "../../cases/read.ts"
import { givenOrganization, givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { api, epoch, query } from "../harness.ts"
import { unique } from "../rows.ts"

const versions = "/api/v2/organizations/default/templateversions"
const templates = "/api/v2/organizations/default/templates"

async function upload({ token }: GivenUser): Promise<string> {
  const body = new TextEncoder().encode(unique(20))
  const answer = await api("/api/v2/files", {
    token,
    body,
    headers: { "Content-Type": "application/x-tar" },
  })
  return answer.body.hash
}

const versionOf = (fileId: string, over: object = {}) => ({
  storage_method: "file",
  provisioner: "terraform",
  file_id: fileId,
  tags: {},
  ...over,
})

describe("making a version", () => {
  test("201: a pending import job, a random name, the daemons that match", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    await givenProvisioner()
    const fileId = await upload(admin)
    const answer = await api(versions, {
      token: admin.token,
      body: versionOf(fileId, { message: "first" }),
    })
    expect(answer.status).toBe(201)
    const view = versionSchema.parse(answer.body)
    expect(view).toMatchObject({
      template_id: "00000000-0000-0000-0000-000000000000",
      message: "first",
      archived: false,
      has_external_agent: false,
      created_by: { id: admin.id, username: admin.username },
      job: {
        status: "pending",
        type: "template_version_import",
        file_id: fileId,
        tags: { scope: "organization" },
      },
    })
    expect(view.job.input.template_version_id).toBe(view.id)
    expect(view.matched_provisioners?.available).toBeGreaterThan(0)
    expect(view.name).toMatch(/^[a-z]+_[a-z]+\d+$/)
    const again = await api(`/api/v2/templateversions/${view.id}`, { token: admin.token })
    expect(again).toMatchObject({ status: 200, body: { id: view.id } })
    const [audit] = await query("select action, user_id from audit_logs where resource_id = $1", [
      view.id,
    ])
    expect(audit).toEqual({ action: "create", user_id: admin.id })
  })

  test("a user-scoped tag set belongs to the caller", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const tags = { scope: "user", owner: "somebody" }
    const answer = await api(versions, {
      token: admin.token,
      body: versionOf(await upload(admin), { tags }),
    })
    expect(answer.body.job.tags).toEqual({ scope: "user", owner: admin.id })
  })

  test("what a Go client cannot leave out counts as absent", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const nil = "00000000-0000-0000-0000-000000000000"
    const body = versionOf(await upload(admin), {
      template_id: nil,
      tags: null,
      example_id: "",
      name: "",
    })
    expect((await api(versions, { token: admin.token, body })).status).toBe(201)
  })

  test("404: no such template, file or organization", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const fileId = await upload(admin)
    const unknown = crypto.randomUUID()
    const post = (path: string, body: object) => api(path, { token: admin.token, body })
    expect(await post(versions, versionOf(fileId, { template_id: unknown }))).toMatchObject({
      status: 404,
      body: { message: "Template does not exist." },
    })
    expect(await post(versions, versionOf(unknown))).toMatchObject({
      status: 404,
      body: { message: "File not found." },
    })
    expect(
      (await post("/api/v2/organizations/nowhere/templateversions", versionOf(fileId))).status,
    ).toBe(404)
  })

  test("400: both ids, neither, a bad name, no provisioner", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const id = crypto.randomUUID()
    const post = (body: object) => api(versions, { token: admin.token, body })
    expect((await post(versionOf(id, { example_id: "docker" }))).status).toBe(400)
    expect((await post({ storage_method: "file", provisioner: "terraform" })).status).toBe(400)
    expect(await post(versionOf(id, { name: "-bad-" }))).toMatchObject({
      status: 400,
      body: {
        message: "Validation failed.",
        validations: [
          {
            field: "name",
            detail: 'Validation failed for tag "template_version_name" with value: "-bad-"',
          },
        ],
      },
    })
    expect(await post(versionOf(id, { provisioner: "nomad" }))).toMatchObject({
      status: 400,
      body: { validations: [{ field: "provisioner" }] },
    })
  })

  test("403 for a member, 409 for a name in use", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const member = await givenUser()
    const fileId = await upload(admin)
    expect((await api(versions, { token: member.token, body: versionOf(fileId) })).status).toBe(403)
    const template = await givenTemplate(admin)
    const name = template.version.name.toUpperCase()
    const body = versionOf(fileId, { template_id: template.id, name })
    expect(await api(versions, { token: admin.token, body })).toMatchObject({
      status: 409,
      body: { message: `A template version with name "${name}" already exists for this template.` },
    })
  })
})

describe("making a template", () => {
  test("201: the whole template with its defaults, found by id and by name", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const version = await givenVersion(admin)
    const name = `made-${unique(6)}`
    const { status, body } = await api(templates, {
      token: admin.token,
      body: { name, template_version_id: version.id },
    })
    expect(status).toBe(201)
    expect(templateSchema.parse(body)).toEqual(body)
    expect(body).toMatchObject({
      name,
      active_version_id: version.id,
      provisioner: "terraform",
      created_by_name: admin.username,
      default_ttl_ms: 0,
      activity_bump_ms: 3_600_000,
      autostop_requirement: { days_of_week: [], weeks: 1 },
      allow_user_autostart: true,
      allow_user_autostop: true,
      use_classic_parameter_flow: true,
      max_port_share_level: "public",
      build_time_stats: { start: { P50: null, P95: null } },
      created_at: epoch.toISOString().replace(".000Z", "Z"),
    })
    const member = await givenUser()
    const byId = await api(`/api/v2/templates/${body.id}`, { token: member.token })
    const byName = await api(`${templates}/${name.toUpperCase()}`, { token: member.token })
    expect(byId).toMatchObject({ status: 200, body })
    expect(byName).toMatchObject({ status: 200, body })
    const made = await api(`/api/v2/templateversions/${version.id}`, { token: admin.token })
    expect(made.body.template_id).toBe(body.id)
  })

  test("a version makes one template, also when two ask at once", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const version = await givenVersion(admin)
    const answers = await Promise.all(
      [1, 2, 3].map((number) =>
        api(templates, {
          token: admin.token,
          body: { name: `race-${unique(5)}-${number}`, template_version_id: version.id },
        }),
      ),
    )
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([
      201, 400, 400,
    ])
    expect(
      await query("select id from templates where active_version_id = $1", [version.id]),
    ).toHaveLength(1)
  })

  test("404, 400: a version that cannot be used; 409: a name in use; 403: a member", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const template = await givenTemplate(admin)
    const archived = await givenVersion(admin, { columns: { archived: true } })
    const free = await givenVersion(admin)
    const post = (versionId: string, name = `t-${unique(6)}`, token = admin.token) =>
      api(templates, { token, body: { name, template_version_id: versionId } })
    expect((await post(crypto.randomUUID())).status).toBe(404)
    expect((await post(archived.id)).body.message).toBe(
      `Template version "${archived.id}" is archived.`,
    )
    expect((await post(template.version.id)).body.validations[0].field).toBe("template_version_id")
    expect((await post(template.version.id, template.name)).status).toBe(409)
    expect(await post(free.id, template.name.toUpperCase())).toMatchObject({
      status: 409,
      body: { validations: [{ field: "name" }] },
    })
    expect((await post(free.id, undefined, (await givenUser()).token)).status).toBe(403)
    expect((await post(free.id, "new")).status).toBe(400)
  })

  test("another organization's people see neither template nor version", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const template = await givenTemplate(admin)
    const stranger = await givenUser({ organization: await givenOrganization() })
    expect((await api(`/api/v2/templates/${template.id}`, { token: stranger.token })).status).toBe(
      404,
    )
    expect(
      (await api(`/api/v2/templateversions/${template.version.id}`, { token: stranger.token }))
        .status,
    ).toBe(404)
    expect((await api(templates, { token: stranger.token })).status).toBe(404)
    const list = await api("/api/v2/templates", { token: stranger.token })
    expect(list.body.map((one: { id: string }) => one.id)).not.toContain(template.id)
  })
})

type ScheduleRow = {
  name: string
  input: { body: { patch?: true } & Record<string, unknown> }
  expected: {
    status?: number
    message?: string
    validations?: { field: string; detail: string }[]
    bitmap?: number
  }
}
const rows: ScheduleRow[] = JSON.parse(JSON.stringify(lifecycle.groups.api_template_schedule))

test.each(rows.filter((row) => !row.input.body.patch))(
  "api_template_schedule: $name",
  async ({ input, expected }) => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const version = await givenVersion(admin)
    const body = { name: `s-${unique(8)}`, template_version_id: version.id, ...input.body }
    const answer = await api(templates, { token: admin.token, body })
    const { status = 201, message, validations, bitmap, ...fields } = expected
    expect(answer.status).toBe(status)
    if (message !== undefined) expect(answer.body.message).toBe(message)
    if (validations !== undefined) expect(answer.body.validations).toEqual(validations)
    if (bitmap !== undefined) {
      const [row] = await query(
        "select autostop_requirement_days as days from templates where id = $1",
        [answer.body.id],
      )
      expect(row.days).toBe(bitmap)
    }
    expect(answer.body).toMatchObject(fields)
  },
)

describe("lists", () => {
  test("hide the deprecated, search by name, refuse unknown keys", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const mark = unique(8).toLowerCase()
    const plain = await givenTemplate(admin, {
      columns: { name: `one-${mark}`, display_name: `One ${mark}` },
    })
    const old = await givenTemplate(admin, {
      columns: { name: `two-${mark}`, deprecation_message: "use one", active_user_count: 5 },
    })
    const busy = await givenTemplate(admin, {
      columns: { name: `three-${mark}`, active_user_count: 3 },
    })
    const search = async (q: string) => {
      const { body } = await api(`/api/v2/templates?q=${encodeURIComponent(q)}`, {
        token: admin.token,
      })
      return body.map((template: { id: string }) => template.id)
    }
    expect(await search(`name:${mark}`)).toEqual([busy.id, plain.id])
    expect(await search(`name:${mark} deprecated:true`)).toEqual([old.id])
    expect(await search(`exact_name:one-${mark}`)).toEqual([plain.id])
    expect(await search(`one ${mark}`)).toEqual([plain.id])
    expect(await search(`"one ${mark}"`)).toEqual([plain.id])
    expect(await search(`"three-${mark}"`)).toEqual([busy.id])
    expect(await search(mark)).toEqual([busy.id, plain.id])
    expect(await search(`name:${mark} author:me organization:default`)).toEqual([busy.id, plain.id])
    expect(await search(`ids:${plain.id},${old.id}`)).toEqual([plain.id])
    const wrong = await api("/api/v2/templates?q=colour:red", { token: admin.token })
    expect(wrong).toMatchObject({
      status: 400,
      body: {
        message: "Invalid template search query.",
        validations: [{ field: "colour", detail: '"colour" is not a valid query param' }],
      },
    })
    expect(await api("/api/v2/templates/examples", { token: admin.token })).toMatchObject({
      status: 200,
      body: [],
    })
  })

  test("of versions: oldest first, paged, by name, and the one before", async () => {
    const admin = await givenUser({ roles: ["template-admin"] })
    const { token } = admin
    const template = await givenTemplate(admin)
    const columns = (name: string, minutes: number, archived = false) => ({
      columns: {
        template_id: template.id,
        name,
        archived,
        created_at: new Date(epoch.getTime() + minutes * 60_000),
      },
    })
    const second = await givenVersion(admin, columns("v2", 1))
    const third = await givenVersion(admin, columns("v3", 2, true))
    const list = async (query = "") =>
      (await api(`/api/v2/templates/${template.id}/versions${query}`, { token })).body.map(
        (v: { id: string }) => v.id,
      )
    expect(await list()).toEqual([template.version.id, second.id])
    expect(await list("?include_archived=true")).toEqual([template.version.id, second.id, third.id])
    expect(await list(`?after_id=${template.version.id}`)).toEqual([second.id])
    expect(await list("?limit=1&offset=1")).toEqual([second.id])
    const unknown = await api(
      `/api/v2/templates/${template.id}/versions?after_id=${crypto.randomUUID()}`,
      {
        token,
      },
    )
    expect(unknown.status).toBe(400)
    const path = `${templates}/${template.name}/versions`
    expect((await api(`${path}/V2`, { token })).body.id).toBe(second.id)
    expect((await api(`/api/v2/templates/${template.id}/versions/v2`, { token })).body.id).toBe(
      second.id,
    )
    expect((await api(`${path}/v2/previous`, { token })).body.id).toBe(template.version.id)
    expect((await api(`${path}/${template.version.name}/previous`, { token })).status).toBe(204)
    expect(await api(`${path}/v9`, { token })).toMatchObject({
      status: 404,
      body: { message: 'No template version found by name "v9".' },
    })
  })
})
