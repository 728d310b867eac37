// What a workspace is called and how it behaves: favourites, updates, renames, and what is read
// beside it.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import worker from "../../../dev/local/worker-entry.ts"
import { timingsSchema } from "../../../src/builds/timings.ts"
import { lifecycle as cases } from "../../cases/read.ts"
import { defaultOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, givenVersion, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, query } from "../harness.ts"

let admin: GivenUser
let owner: GivenUser
let stranger: GivenUser
let template: GivenTemplate

beforeAll(async () => {
  admin = await givenUser({ roles: ["owner"] })
  owner = await givenUser()
  stranger = await givenUser()
  template = await givenTemplate(admin)
})

const read = async (id: string, token = owner.token) =>
  (await api(`/api/v2/workspaces/${id}`, { token })).body
const auditsOf = (id: string) =>
  query("select action, diff from audit_logs where resource_id = $1", [id])

describe("api_favorite", () => {
  type Case = {
    name: string
    input: { method: string; requester: string }
    expected: { status: number; message?: string; audit?: string }
  }

  test.each(cases.groups.api_favorite as Case[])("$name", async ({ input, expected }) => {
    const { id } = await givenWorkspace(owner, template)
    const people: Record<string, GivenUser> = {
      "owner of the workspace": owner,
      "user who cannot see the workspace": stranger,
      "site admin": admin,
    }
    const { status, body } = await api(`/api/v2/workspaces/${id}/favorite`, {
      method: input.method,
      token: people[input.requester]!.token,
    })
    expect(status).toBe(expected.status)
    if (expected.message) expect(body.message).toBe(expected.message)
    if (expected.audit) expect(await auditsOf(id)).toMatchObject([{ action: expected.audit }])
  })

  test("the owner alone sees it, and may take it back as often as they like", async () => {
    const { id } = await givenWorkspace(owner, template)
    const path = `/api/v2/workspaces/${id}/favorite`
    const answers = await Promise.all(
      [1, 2].map(() => api(path, { method: "PUT", token: owner.token })),
    )
    expect(answers.map(({ status }) => status)).toEqual([204, 204])
    expect((await read(id)).favorite).toBe(true)
    expect((await read(id, admin.token)).favorite).toBe(false)
    const refused = await api(path, { method: "DELETE", token: admin.token })
    expect(refused.body.message).toBe("You can only un-favorite workspaces that you own.")
    expect((await api(path, { method: "DELETE", token: owner.token })).status).toBe(204)
    expect((await read(id)).favorite).toBe(false)
  })
})

describe("api_autoupdates", () => {
  type Case = {
    name: string
    input: { body: { automatic_updates: string } }
    expected: {
      status: number
      message?: string
      automatic_updates?: string
      validations?: object[]
    }
  }

  test.each(cases.groups.api_autoupdates as Case[])("$name", async ({ input, expected }) => {
    const { id } = await givenWorkspace(owner, template)
    const { status, body } = await api(`/api/v2/workspaces/${id}/autoupdates`, {
      method: "PUT",
      token: owner.token,
      body: input.body,
    })
    expect(status).toBe(expected.status)
    if (expected.message)
      expect(body).toEqual({ message: expected.message, validations: expected.validations })
    expect((await read(id)).automatic_updates).toBe(expected.automatic_updates ?? "never")
    expect(await auditsOf(id)).toHaveLength(expected.status === 204 ? 1 : 0)
  })
})

describe("renames", () => {
  /** The same Worker where the deployment allows renames. */
  async function rename(id: string, body: unknown, token = owner.token) {
    const context = createExecutionContext()
    const request = new Request(`https://dormouse.test/api/v2/workspaces/${id}`, {
      method: "PATCH",
      headers: { "Coder-Session-Token": token },
      body: JSON.stringify(body),
    })
    const response = await worker.fetch(
      request as never,
      { ...env, ALLOW_RENAMES: "true" },
      context,
    )
    await waitOnExecutionContext(context)
    const text = await response.text()
    return { status: response.status, body: text === "" ? null : JSON.parse(text) }
  }

  test("are off unless the deployment allows them", async () => {
    const { id, name } = await givenWorkspace(owner, template)
    const patch = (body: object) =>
      api(`/api/v2/workspaces/${id}`, { method: "PATCH", token: owner.token, body })
    expect((await patch({ name: "other-name" })).body.message).toBe(
      "Workspace renames are not allowed.",
    )
    for (const body of [{}, { name: "" }, { name: null }, { name }])
      expect((await patch(body)).status).toBe(204)
    expect((await read(id)).allow_renames).toBe(false)
    expect(await auditsOf(id)).toEqual([])
  })

  test("change the name, and say so in the audit trail", async () => {
    const { id, name } = await givenWorkspace(owner, template)
    expect((await rename(id, { name: "Renamed-1" })).status).toBe(204)
    expect((await read(id)).name).toBe("Renamed-1")
    expect(await auditsOf(id)).toEqual([
      { action: "write", diff: { name: { old: name, new: "Renamed-1", secret: false } } },
    ])
  })

  test("to a name that is taken or no name are refused", async () => {
    const one = await givenWorkspace(owner, template)
    const two = await givenWorkspace(owner, template)
    const taken = await rename(one.id, { name: two.name.toUpperCase() })
    expect(taken.status).toBe(409)
    expect(taken.body.validations[0].field).toBe("name")
    expect((await rename(one.id, { name: "no name" })).status).toBe(400)
    expect((await rename(one.id, { name: one.name.toUpperCase() })).status).toBe(204)
    expect((await rename(one.id, { name: "x" }, stranger.token)).status).toBe(404)
  })

  test("of a deleted workspace are refused", async () => {
    const { id, name } = await givenWorkspace(owner, template, { columns: { deleted: true } })
    const { status, body } = await rename(id, { name: "back-again" })
    expect(status).toBe(405)
    expect(body.message).toBe(`Workspace "${name}" is deleted and cannot be updated.`)
  })

  test("of two at once to one name, one wins", async () => {
    const one = await givenWorkspace(owner, template)
    const two = await givenWorkspace(owner, template)
    const answers = await Promise.all([one, two].map(({ id }) => rename(id, { name: "the-one" })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 409])
  })
})

describe("resolve_autostart", () => {
  type Case = {
    name: string
    input: {
      automatic_updates: string
      require_active_version?: boolean
      build_version: string
      active_version: string
      v2_params?: { name: string; required: boolean }[]
      v3_params?: { name: string; required: boolean }[]
      build_params?: { name: string; value: string }[]
    }
    expected: { parameter_mismatch: boolean }
  }

  test.each(cases.groups.resolve_autostart as Case[])("$name", async ({ input, expected }) => {
    const given = await givenTemplate(admin, {
      columns: { require_active_version: input.require_active_version ?? false },
    })
    const { id, build } = await givenWorkspace(owner, given, {
      columns: { automatic_updates: input.automatic_updates },
    })
    for (const { name, value } of input.build_params ?? []) {
      await query("insert into workspace_build_parameters values ($1, $2, $3)", [
        build.id,
        name,
        value,
      ])
    }
    if (input.build_version !== input.active_version) {
      const next = await givenVersion(admin, {
        parameters: input.v2_params ?? input.v3_params ?? [],
        columns: { template_id: given.id },
      })
      await query("update templates set active_version_id = $1 where id = $2", [next.id, given.id])
    }
    const { status, body } = await api(`/api/v2/workspaces/${id}/resolve-autostart`, {
      token: owner.token,
    })
    expect(status).toBe(200)
    expect(body).toEqual(expected)
  })
})

describe("beside the workspaces", () => {
  test("a user's fleet has the readable workspaces with their state and agents", async () => {
    const person = await givenUser()
    const one = await givenWorkspace(person, template, { columns: { name: "one" } })
    const old = await givenAgent(one, one.build, { columns: { deleted: true } })
    const build = await givenBuild(one, { transition: "stop", status: "running" })
    const agent = await givenAgent(one, build)
    await givenWorkspace(person, template, { columns: { name: "gone", deleted: true } })
    await givenWorkspace(owner, template)
    const path = `/api/v2/users/${person.username}/workspaces`
    const expected = [
      {
        id: one.id,
        name: "one",
        template_id: template.id,
        organization_id: template.organizationId,
        job_status: "running",
        transition: "stop",
        agents: [{ id: agent.id, name: agent.name }],
      },
    ]
    expect(old.id).not.toBe(agent.id)
    expect((await api(path, { token: person.token })).body).toEqual(expected)
    expect((await api(path, { token: admin.token })).body).toEqual(expected)
    expect((await api(path, { token: stranger.token })).status).toBe(404)
    expect(
      (await api("/api/v2/users/nobody-there/workspaces", { token: admin.token })).status,
    ).toBe(404)
  })

  test("a member's quota is without bound, and counts what runs a day", async () => {
    const person = await givenUser()
    await givenWorkspace(person, template, { build: { columns: { daily_cost: 3 } } })
    await givenWorkspace(person, template, { build: { columns: { daily_cost: 4 } } })
    const { name } = await defaultOrganization()
    const path = `/api/v2/organizations/${name}/members/me/workspace-quota`
    const { status, body } = await api(path, { token: person.token })
    expect(status).toBe(200)
    expect(body).toEqual({ credits_consumed: 7, budget: -1 })
    const other = `/api/v2/organizations/${name}/members/${person.username}/workspace-quota`
    expect((await api(other, { token: stranger.token })).status).toBe(404)
  })

  test("the timings of the latest build", async () => {
    const workspace = await givenWorkspace(owner, template)
    const agent = await givenAgent(workspace, workspace.build)
    await query(
      `insert into provisioner_job_timings (job_id, started_at, ended_at, stage, source, action,
        resource)
       values ($1, $2, $3, 'apply', 'docker', 'create', 'container')`,
      [workspace.build.jobId, "2026-03-04T09:00:00Z", "2026-03-04T09:00:01.5Z"],
    )
    const { status, body } = await api(`/api/v2/workspaces/${workspace.id}/timings`, {
      token: owner.token,
    })
    expect(status).toBe(200)
    expect(timingsSchema.parse(body)).toEqual(body)
    expect(body.provisioner_timings).toMatchObject([
      { stage: "apply", ended_at: "2026-03-04T09:00:01.5Z" },
    ])
    expect(body.agent_connection_timings).toMatchObject([
      { stage: "connect", workspace_agent_id: agent.id },
    ])
    const hidden = await api(`/api/v2/workspaces/${workspace.id}/timings`, {
      token: stranger.token,
    })
    expect(hidden.status).toBe(404)
  })
})
