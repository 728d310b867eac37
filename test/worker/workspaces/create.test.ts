// Creating workspaces: both paths, every refusal, the claim of a prebuild, and two at once.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { beforeAll, describe, expect, test } from "vitest"
import { workspaceSchema } from "../../../src/workspaces/view.ts"
import { lifecycle } from "../../cases/read.ts"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenPreset, givenTemplate, givenVersion, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { api, query } from "../harness.ts"
import type { Row } from "../rows.ts"

let counter = 0
const freshName = () => `made-${++counter}`

const create = (user: { token: string }, body: object, owner = "me") =>
  api(`/api/v2/users/${owner}/workspaces`, { token: user.token, body })

let admin: GivenUser
let owner: GivenUser
let template: GivenTemplate

beforeAll(async () => {
  admin = await givenUser({ roles: ["owner"] })
  owner = await givenUser()
  template = await givenTemplate(admin, { columns: { default_ttl_ms: 28_800_000 } })
})

describe("201", () => {
  test("a workspace with its first build pending", async () => {
    const name = freshName()
    const { status, body } = await create(owner, { name, template_id: template.id })
    expect(status).toBe(201)
    expect(workspaceSchema.parse(body)).toEqual(body)
    expect(body).toMatchObject({
      name,
      owner_id: owner.id,
      owner_name: owner.username,
      template_id: template.id,
      ttl_ms: 28_800_000,
      last_used_at: "2026-03-04T09:00:00Z",
      automatic_updates: "never",
      next_start_at: null,
      latest_build: {
        status: "pending",
        build_number: 1,
        transition: "start",
        reason: "initiator",
        workspace_name: name,
        workspace_owner_name: owner.username,
        template_version_name: "",
        resources: [],
        deadline: null,
        job: { status: "pending", type: "workspace_build" },
      },
    })
    const read = await api(`/api/v2/workspaces/${body.id}`, { token: owner.token })
    expect(read.body.latest_build.id).toBe(body.latest_build.id)
    expect(read.body.latest_build.template_version_name).toBe(template.version.name)
    const audit = await query(
      "select resource_type, action, user_id from audit_logs where resource_target = $1 order by resource_type",
      [name],
    )
    expect(audit).toEqual([
      { resource_type: "workspace", action: "create", user_id: owner.id },
      { resource_type: "workspace_build", action: "start", user_id: owner.id },
    ])
  })

  test("through the organization's older path, by an admin, for somebody else", async () => {
    const path = `/api/v2/organizations/default/members/${owner.username}/workspaces`
    const { status, body } = await api(path, {
      token: admin.token,
      body: { name: freshName(), template_version_id: template.version.id },
    })
    expect(status).toBe(201)
    expect(body.owner_id).toBe(owner.id)
    expect(body.latest_build.initiator_id).toBe(admin.id)
  })

  test("a schedule sets the next start, and is refused if it can never fire", async () => {
    const schedule = "CRON_TZ=Europe/Berlin 30 9 * * 1-5"
    const made = await create(owner, {
      name: freshName(),
      template_id: template.id,
      autostart_schedule: schedule,
    })
    expect(made.body).toMatchObject({
      autostart_schedule: schedule,
      next_start_at: "2026-03-05T08:30:00Z",
    })
    for (const [columns, detail] of [
      [{ autostart_days: 0 }, "no allowed autostart"],
      // Saturday and Sunday.
      [{ autostart_days: 96 }, "no allowed autostart"],
      [
        { allow_user_autostart: false },
        "Autostart is not allowed for workspaces using this template.",
      ],
    ] as const) {
      const never = await givenTemplate(admin, { columns })
      const refused = await create(owner, {
        name: freshName(),
        template_id: never.id,
        autostart_schedule: schedule,
      })
      expect([refused.status, refused.body]).toEqual([
        400,
        { message: "Invalid Autostart Schedule.", validations: [{ field: "schedule", detail }] },
      ])
      const { body } = await create(owner, { name: freshName(), template_id: never.id })
      const put = await api(`/api/v2/workspaces/${body.id}/autostart`, {
        method: "PUT",
        token: owner.token,
        body: { schedule },
      })
      expect([put.status, put.body.validations]).toEqual([400, [{ field: "schedule", detail }]])
    }
  })

  type TtlCase = {
    name: string
    input: {
      create?: boolean
      template?: Row
      body: { ttl_ms: number | null }
      then_template_default_ttl_ms?: number
    }
    expected: {
      status?: number
      message?: string
      ttl_ms?: number | null
      ttl_ms_first?: number
      ttl_ms_after?: number
    }
  }
  const ttlRows = (lifecycle.groups.api_ttl as unknown as TtlCase[]).filter(
    ({ input }) => input.create === true,
  )

  test.each(ttlRows)("api_ttl $name", async ({ input, expected }) => {
    const given = await givenTemplate(admin, { columns: { ...input.template } })
    const request = { name: freshName(), template_id: given.id, ttl_ms: input.body.ttl_ms }
    const { status, body } = await create(owner, request)
    expect(status).toBe(expected.status ?? 201)
    if (expected.message !== undefined) expect(body.message).toBe(expected.message)
    if (status !== 201) return
    expect(body.ttl_ms ?? null).toBe(expected.ttl_ms_first ?? expected.ttl_ms ?? null)
    if (input.then_template_default_ttl_ms === undefined) return
    await query("update templates set default_ttl_ms = $2 where id = $1", [
      given.id,
      input.then_template_default_ttl_ms,
    ])
    const later = await api(`/api/v2/workspaces/${body.id}`, { token: owner.token })
    expect(later.body.ttl_ms).toBe(expected.ttl_ms_after)
  })

  test("a ttl of its own is truncated to minutes", async () => {
    const given = await givenTemplate(admin, { columns: { default_ttl_ms: 86_400_000 } })
    const request = { name: freshName(), template_id: given.id, ttl_ms: 119_999 }
    expect((await create(owner, request)).body.ttl_ms).toBe(60_000)
  })

  test("parameters are resolved and stored", async () => {
    const given = await givenTemplate(admin, {
      parameters: [
        { name: "region", required: false, default_value: "eu" },
        { name: "size", type: "number", required: true, validation_min: 1, validation_max: 8 },
      ],
    })
    const rich_parameter_values = [
      { name: "size", value: "4" },
      { name: "unknown", value: "x" },
    ]
    const { body } = await create(owner, {
      name: freshName(),
      template_id: given.id,
      rich_parameter_values,
    })
    const stored = await query(
      "select name, value from workspace_build_parameters where workspace_build_id = $1 order by name",
      [body.latest_build.id],
    )
    expect(stored).toEqual([
      { name: "region", value: "eu" },
      { name: "size", value: "4" },
    ])
  })
})

describe("400", () => {
  test.each(["", "a b", "-a", "a-", "a--b", "a_b", "a.b", "é", "new", "create", "x".repeat(33)])(
    "the name %j",
    async (name) => {
      const { status, body } = await create(owner, { name, template_id: template.id })
      expect(status).toBe(400)
      expect(body.message).toBe("Validation failed.")
      expect(body.validations[0].field).toBe("name")
    },
  )

  test("neither a template nor a version, or both", async () => {
    const neither = await create(owner, { name: freshName() })
    expect(neither.status).toBe(400)
    expect(neither.body.validations.map((v: { field: string }) => v.field)).toEqual([
      "template_id",
      "template_version_id",
    ])
    const both = await create(owner, {
      name: freshName(),
      template_id: template.id,
      template_version_id: template.version.id,
    })
    expect(both.body.validations[0].detail).toContain("excluded_with")
  })

  test.each([
    [{ template_id: crypto.randomUUID() }, "template_id", "template not found"],
    [
      { template_version_id: crypto.randomUUID() },
      "template_version_id",
      "template version not found",
    ],
  ])("what is not there: %j", async (target, field, detail) => {
    const { status, body } = await create(owner, { name: freshName(), ...target })
    expect(status).toBe(400)
    expect(body.message).toContain("doesn't exist.")
    expect(body.validations).toEqual([{ field, detail }])
  })

  test("a template of an organization that the caller is not in is not there", async () => {
    const organization = await givenOrganization()
    const insider = await givenUser({ organization, organizationRoles: ["organization-admin"] })
    const hidden = await givenTemplate(insider)
    const { status, body } = await create(owner, { name: freshName(), template_id: hidden.id })
    expect(status).toBe(400)
    expect(body.validations[0].detail).toBe("template not found")
  })

  test("an archived version, a deprecated template", async () => {
    const archived = await givenVersion(admin, {
      columns: { template_id: template.id, archived: true },
    })
    const one = await create(owner, { name: freshName(), template_version_id: archived.id })
    expect(one.status).toBe(400)
    expect(one.body.validations[0].field).toBe("template_version_id")
    const deprecated = await givenTemplate(admin, {
      columns: { deprecation_message: "use the other" },
    })
    const two = await create(owner, { name: freshName(), template_id: deprecated.id })
    expect(two.status).toBe(400)
    expect(two.body.detail).toBe("use the other")
  })

  test.each([
    [{ autostart_schedule: "every day" }, "Invalid Autostart Schedule.", "schedule"],
    [{ autostart_schedule: "0 9 * * ," }, "Invalid Autostart Schedule.", "schedule"],
    [{ ttl_ms: 59_000 }, "Invalid Workspace Time to Shutdown.", "ttl_ms"],
    [{ ttl_ms: 2_592_060_000 }, "Invalid Workspace Time to Shutdown.", "ttl_ms"],
    [
      { automatic_updates: "sometimes" },
      "Invalid Workspace Automatic Updates setting.",
      "automatic_updates",
    ],
  ])("%j", async (body, message, field) => {
    const answer = await create(owner, { name: freshName(), template_id: template.id, ...body })
    expect(answer.status).toBe(400)
    expect(answer.body.message).toBe(message)
    expect(answer.body.validations[0].field).toBe(field)
  })

  test("a parameter that is required and not given", async () => {
    const given = await givenTemplate(admin, { parameters: [{ name: "size", required: true }] })
    const name = freshName()
    const { status, body } = await create(owner, { name, template_id: given.id })
    expect(status).toBe(400)
    expect(body).toEqual({
      message: 'Unable to validate parameter "size"',
      detail: "parameter value is required",
      validations: [{ field: "size", detail: "parameter value is required" }],
    })
    expect(await query("select id from workspaces where name = $1", [name])).toEqual([])
  })

  test("no JSON, none at all, and JSON of another kind", async () => {
    for (const body of ["{", "[]", '{"name": 5}']) {
      const answer = await api("/api/v2/users/me/workspaces", {
        token: owner.token,
        method: "POST",
        body,
      })
      expect(answer.status).toBe(400)
    }
    const none = await api("/api/v2/users/me/workspaces", { token: owner.token, method: "POST" })
    expect(none.status).toBe(400)
  })
})

describe("401, 403, 404, 406", () => {
  test("nobody", async () => {
    const path = "/api/v2/users/me/workspaces"
    expect((await api(path, { body: { name: "a", template_id: template.id } })).status).toBe(401)
  })

  test("for somebody else without the right", async () => {
    const other = await givenUser()
    const { status, body } = await create(
      owner,
      { name: freshName(), template_id: template.id },
      other.username,
    )
    expect(status).toBe(403)
    expect(body.message).toBe("Unauthorized to create workspace.")
  })

  test("an owner who is not there, or not in the organization", async () => {
    const body = { name: freshName(), template_id: template.id }
    expect((await create(admin, body, "nobody-there")).status).toBe(404)
    const elsewhere = await givenOrganization()
    const path = `/api/v2/organizations/${elsewhere.name}/members/${owner.username}/workspaces`
    expect((await api(path, { token: admin.token, body })).status).toBe(404)
  })

  test("a deleted template", async () => {
    const deleted = await givenTemplate(admin, { columns: { deleted: true } })
    const { status, body } = await create(owner, { name: freshName(), template_id: deleted.id })
    expect(status).toBe(404)
    expect(body.message).toBe(`Template "${deleted.name}" has been deleted!`)
  })

  test.each([
    ["pending", 406],
    ["running", 406],
    ["failed", 400],
    ["canceled", 400],
  ] as const)("a version whose import is %s", async (state, expected) => {
    const version = await givenVersion(admin, {
      status: state,
      columns: { template_id: template.id },
    })
    const { status } = await create(owner, { name: freshName(), template_version_id: version.id })
    expect(status).toBe(expected)
  })

  test("another version than the active one, where only that one may be started", async () => {
    const strict = await givenTemplate(admin, { columns: { require_active_version: true } })
    const old = await givenVersion(admin, { columns: { template_id: strict.id } })
    const body = { template_version_id: old.id }
    expect((await create(owner, { name: freshName(), ...body })).status).toBe(403)
    expect((await create(admin, { name: freshName(), ...body })).status).toBe(201)
  })
})

describe("409", () => {
  test("the name is taken, whatever its case, until it is free again", async () => {
    const name = freshName()
    const first = await create(owner, { name, template_id: template.id })
    const again = await create(owner, { name: name.toUpperCase(), template_id: template.id })
    expect(again.status).toBe(409)
    expect(again.body).toEqual({
      message: `Workspace "${name.toUpperCase()}" already exists.`,
      validations: [
        { field: "name", detail: "This value is already in use and should be unique." },
      ],
    })
    await query("update workspaces set deleted = true where id = $1", [first.body.id])
    expect((await create(owner, { name, template_id: template.id })).status).toBe(201)
    expect((await create(admin, { name, template_id: template.id })).status).toBe(201)
  })

  test("of ten at once with one name, one is made and nothing is left of the others", async () => {
    const name = freshName()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => create(owner, { name, template_id: template.id })),
    )
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array.from({ length: 9 }, () => 409),
    ])
    const [row] = await query("select count(*)::int as count from workspaces where name = $1", [
      name,
    ])
    expect(row.count).toBe(1)
  })
})

describe("the claim of a prebuild", () => {
  async function givenPool(size: number) {
    const pooled = await givenTemplate(admin, {
      parameters: [
        { name: "region", required: false, default_value: "eu", mutable: false },
        { name: "size", required: false, default_value: "1", mutable: true },
      ],
    })
    const preset = await givenPreset(pooled.version.id, {
      parameters: { size: "2" },
      columns: { desired_instances: size },
    })
    for (let index = 0; index < size; index++) {
      const prebuild = await givenWorkspace({ id: prebuildsUserId }, pooled, {
        columns: { last_used_at: null },
        build: {
          columns: { template_version_preset_id: preset.id, initiator_id: prebuildsUserId },
        },
      })
      await givenAgent(prebuild, prebuild.build)
    }
    return { pooled, preset }
  }

  test("claims the ready prebuild with a second build and the requested name", async () => {
    const { pooled, preset } = await givenPool(1)
    const name = freshName()
    const { status, body } = await create(owner, {
      name,
      template_id: pooled.id,
      template_version_preset_id: preset.id,
      automatic_updates: "always",
      autostart_schedule: "0 9 * * 1-5",
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      name,
      owner_id: owner.id,
      is_prebuild: false,
      automatic_updates: "always",
      next_start_at: "2026-03-05T09:00:00Z",
      latest_build: {
        build_number: 2,
        initiator_id: owner.id,
        template_version_preset_id: preset.id,
      },
    })
    const [job] = await query("select input from provisioner_jobs where id = $1", [
      body.latest_build.job.id,
    ])
    expect(job.input).toEqual({
      prebuilt_workspace_stage: 2,
      workspace_build_id: body.latest_build.id,
    })
    const next = await create(owner, {
      name: freshName(),
      template_id: pooled.id,
      template_version_preset_id: preset.id,
    })
    expect(next.body.latest_build.build_number).toBe(1)
  })

  test("happens without a preset's id when the values match one", async () => {
    const { pooled } = await givenPool(1)
    const rich_parameter_values = [{ name: "size", value: "2" }]
    const { body } = await create(owner, {
      name: freshName(),
      template_id: pooled.id,
      rich_parameter_values,
    })
    expect(body.latest_build.build_number).toBe(2)
  })

  test("is refused for another immutable value and leaves the prebuild in its pool", async () => {
    const { pooled, preset } = await givenPool(1)
    const request = {
      template_id: pooled.id,
      template_version_preset_id: preset.id,
      rich_parameter_values: [{ name: "region", value: "us" }],
    }
    const refused = await create(owner, { name: freshName(), ...request })
    expect(refused.status).toBe(400)
    expect(refused.body.message).toBe('Unable to validate parameter "region"')
    const { body } = await create(owner, {
      name: freshName(),
      ...request,
      rich_parameter_values: [],
    })
    expect(body.latest_build.build_number).toBe(2)
    expect(
      (await create(owner, { name: freshName(), ...request })).body.latest_build.build_number,
    ).toBe(1)
  })

  test("of two prebuilds, five at once claim two and make three", async () => {
    const { pooled, preset } = await givenPool(2)
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        create(owner, {
          name: freshName(),
          template_id: pooled.id,
          template_version_preset_id: preset.id,
        }),
      ),
    )
    expect(
      answers
        .map((answer) => Number(answer.body.latest_build.build_number))
        .toSorted((a, b) => a - b),
    ).toEqual([1, 1, 1, 2, 2])
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(5)
  })

  test("a name that is taken fails the claim and leaves the prebuild", async () => {
    const { pooled, preset } = await givenPool(1)
    const name = freshName()
    await create(owner, { name, template_id: template.id })
    const request = { template_id: pooled.id, template_version_preset_id: preset.id }
    expect((await create(owner, { name, ...request })).status).toBe(409)
    expect(
      (await create(owner, { name: freshName(), ...request })).body.latest_build.build_number,
    ).toBe(2)
  })
})
