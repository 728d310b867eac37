// Reading workspaces: the list's order, paging and searches, one workspace, and who may see what.
import { beforeAll, describe, expect, test } from "vitest"
import { parseWorkspaceSearch } from "../../../src/workspaces/list/search.ts"
import { workspaceSchema } from "../../../src/workspaces/view.ts"
import { prebuilds as cases } from "../../cases/read.ts"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate, givenVersion, type GivenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, query } from "../harness.ts"

const names = (body: { workspaces: { name: string }[] }) =>
  body.workspaces.map((workspace) => workspace.name)
const listOf = (token: string, q: string, rest = "") =>
  api(`/api/v2/workspaces?q=${encodeURIComponent(q)}${rest}`, { token })

describe("the order of the list (workspaceListOrder)", () => {
  const { workspaces, asTestuser, asZzz } = cases.groups.workspaceListOrder
  let testuser: GivenUser
  let zzz: GivenUser

  beforeAll(async () => {
    const organization = await givenOrganization()
    const admin = { organization, organizationRoles: ["organization-admin"] }
    testuser = await givenUser({ ...admin, columns: { username: "testuser" } })
    zzz = await givenUser({ ...admin, columns: { username: "zzz" } })
    const template = await givenTemplate(testuser)
    for (const { name, owner, state, favorite } of workspaces) {
      const transition = state === "running" ? "start" : "stop"
      await givenWorkspace(owner === "zzz" ? zzz : testuser, template, {
        columns: { name, favorite: favorite ?? false },
        build: { transition },
      })
    }
  })

  test("the caller's favourites come first, then running ones, then owner and name", async () => {
    const seen = await listOf(testuser.token, "")
    expect(names(seen.body)).toEqual(asTestuser)
    expect(seen.body.workspaces[0].favorite).toBe(true)
  })

  test("other people's favourites have no effect", async () => {
    const seen = await listOf(zzz.token, "")
    expect(names(seen.body)).toEqual(asZzz)
    expect(
      seen.body.workspaces.some((workspace: { favorite: boolean }) => workspace.favorite),
    ).toBe(false)
  })

  test.each([1, 2, 3, 6, 7])(
    "pages of %i cover the list once, each with the whole count",
    async (limit) => {
      const all: string[] = []
      for (let offset = 0; offset < 6; offset += limit) {
        const { body } = await listOf(testuser.token, "", `&limit=${limit}&offset=${offset}`)
        expect(body.count).toBe(6)
        expect(body.workspaces.length).toBeLessThanOrEqual(limit)
        all.push(...names(body))
      }
      expect(all).toEqual(asTestuser)
    },
  )

  test("a page beyond the last one has only the count", async () => {
    const { status, body } = await listOf(testuser.token, "", "&limit=5&offset=2147483647")
    expect(status).toBe(200)
    expect(body).toEqual({ workspaces: [], count: 6 })
  })

  test.each([
    "limit=-1",
    "limit=x",
    "limit=1.5",
    "limit=2147483648",
    "offset=-1",
    "offset=9999999999",
  ])("%s is refused", async (query) => {
    const { status, body } = await listOf(testuser.token, "", `&${query}`)
    expect(status).toBe(400)
    expect(body.message).toBe("Query parameters have invalid values.")
    expect(body.validations[0].field).toBe(query.split("=")[0])
  })
})

describe("searches", () => {
  let owner: GivenUser
  let other: GivenUser
  let template: GivenTemplate

  beforeAll(async () => {
    const organization = await givenOrganization({ name: "acme" })
    owner = await givenUser({
      organization,
      organizationRoles: ["organization-admin"],
      columns: { username: "Alice" },
    })
    other = await givenUser({ organization, columns: { username: "bob" } })
    template = await givenTemplate(owner, { columns: { name: "Docker" } })
    const plain = await givenTemplate(owner, { columns: { name: "plain" } })
    const first = await givenWorkspace(owner, template, { columns: { name: "Alpha-one" } })
    await givenAgent(first, first.build, {
      columns: { first_connected_at: afterEpoch(0), last_connected_at: afterEpoch(0) },
    })
    await query(
      "insert into workspace_build_parameters values ($1, 'Region', 'EU'), ($1, 'size', '3')",
      [first.build.id],
    )
    await givenWorkspace(owner, template, {
      columns: { name: "beta", last_used_at: afterEpoch(-86_400_000) },
      build: { transition: "stop" },
    })
    await givenWorkspace(owner, plain, {
      columns: { name: "gamma-50" },
      build: { status: "pending", columns: { has_external_agent: true } },
    })
    await givenWorkspace(other, template, {
      columns: { name: "delta", dormant_at: afterEpoch(0), last_used_at: null },
      build: { status: "failed" },
    })
    await givenWorkspace(other, plain, {
      columns: { name: "epsilon" },
      build: { status: "running" },
    })
    await givenWorkspace(owner, plain, { columns: { name: "gone", deleted: true } })
    const newer = await givenVersion(owner, { columns: { template_id: plain.id } })
    await query("update templates set active_version_id = $1 where id = $2", [newer.id, plain.id])
  })

  test.each([
    ["", ["Alpha-one", "beta", "delta", "epsilon", "gamma-50"]],
    ["alpha", ["Alpha-one"]],
    ["ALPHA-one", ["Alpha-one"]],
    ["a", ["Alpha-one", "beta", "delta", "gamma-50"]],
    ["name:et", ["beta"]],
    ["g%5", ["gamma-50"]],
    ["b_ta", ["beta"]],
    ["be\\ta", []],
    ["%", ["Alpha-one", "beta", "delta", "epsilon", "gamma-50"]],
    ["gone", []],
    ["alice/beta", ["beta"]],
    ["owner:alice", ["Alpha-one", "beta", "gamma-50"]],
    ["owner:ALICE name:beta", ["beta"]],
    ["owner:me", ["Alpha-one", "beta", "gamma-50"]],
    ["owner:nobody", []],
    ["owner:beta", []],
    ["template:docker", ["Alpha-one", "beta", "delta"]],
    ["template:dock", []],
    ["organization:acme", ["Alpha-one", "beta", "delta", "epsilon", "gamma-50"]],
    ["status:running", ["Alpha-one"]],
    ["status:stopped", ["beta"]],
    ["status:pending", ["gamma-50"]],
    ["status:failed", ["delta"]],
    ["status:starting", ["epsilon"]],
    ["status:deleted", []],
    ["has-agent:connected", ["Alpha-one"]],
    ["healthy:true", ["Alpha-one"]],
    ["healthy:false", []],
    ["has-agent:banana", []],
    ["dormant:true", ["delta"]],
    ["dormant:false", ["Alpha-one", "beta", "delta", "epsilon", "gamma-50"]],
    ['last_used_before:"2026-03-04T08:00:00Z"', ["beta", "delta"]],
    ['last_used_after:"2026-03-04T09:00:00Z"', ["Alpha-one", "epsilon", "gamma-50"]],
    ["outdated:true", ["epsilon", "gamma-50"]],
    ["outdated:false", ["Alpha-one", "beta", "delta"]],
    ["param:region", ["Alpha-one"]],
    ["param:reg%", ["Alpha-one"]],
    ["param:reg", []],
    ["param:region=eu", ["Alpha-one"]],
    ["param:region=us", []],
    ["param:region=us,size=3", ["Alpha-one"]],
    ["param:size param:region=us", []],
    ["has-ai-task:true", []],
    ["has-ai-task:false", ["Alpha-one", "beta", "delta", "epsilon", "gamma-50"]],
    ["has_external_agent:true", ["gamma-50"]],
    ["has_external_agent:false", []],
    ["shared:true", []],
    ["shared:false", ["Alpha-one", "beta", "delta", "epsilon", "gamma-50"]],
    ["shared_with_user:me", []],
  ])("%s finds %j", async (q, expected) => {
    const { status, body } = await listOf(owner.token, q)
    expect(status).toBe(200)
    expect(names(body).toSorted()).toEqual(expected.toSorted())
    expect(body.count).toBe(expected.length)
  })

  test.each([
    ["organization:nowhere", "organization"],
    ["shared_with_user:nobody", "shared_with_user"],
    // Exists, but the caller may not read this user.
    ["shared_with_user:bob", "shared_with_user"],
    ["shared_with_group:nowhere/nobody", "shared_with_group"],
    ["shared_with_group:nobody", "shared_with_group"],
    ["status:bogus", "status"],
    ["foo:bar", "foo"],
    ["a/b/c", "q"],
  ])("%s is refused", async (q, field) => {
    const { status, body } = await listOf(owner.token, q)
    expect(status).toBe(400)
    expect(body.message).toBe("Invalid workspace search query.")
    expect(body.validations.map((one: { field: string }) => one.field)).toEqual([field])
  })

  test("include_agent_metadata filters nothing and shows those items of the agents", async () => {
    const [agent] = await query(
      "select a.id from workspace_agents a join workspaces w on w.id = a.workspace_id where w.name = 'Alpha-one'",
    )
    await query(
      `insert into workspace_agent_metadata (agent_id, key, display_name, value, collected_at)
       values ($1, 'CPU', 'Load', '12 %', $2), ($1, 'disk', 'Disk', '3 %', $2)`,
      [agent.id, afterEpoch(-5_000)],
    )
    const { body } = await listOf(owner.token, "include_agent_metadata:cpu")
    expect(body.count).toBe(5)
    const [alpha] = body.workspaces
    expect(workspaceSchema.parse(alpha)).toEqual(alpha)
    expect(alpha.latest_build.resources[0].agents[0].metadata).toEqual([
      {
        result: { collected_at: "2026-03-04T08:59:55Z", age: 5, value: "12 %", error: "" },
        description: { display_name: "Load", key: "CPU", script: "", interval: 0, timeout: 0 },
      },
    ])
    const plain = await listOf(owner.token, "alpha")
    expect(plain.body.workspaces[0].latest_build.resources[0].agents[0]).not.toHaveProperty(
      "metadata",
    )
  })

  test("a member finds only what is their own", async () => {
    const { body } = await listOf(other.token, "")
    expect(names(body).toSorted()).toEqual(["delta", "epsilon"])
    expect(body.count).toBe(2)
  })

  test("every search of the cases runs", async () => {
    for (const { q } of cases.groups.workspaceSearch) {
      const { status } = await listOf(owner.token, q)
      expect([200, 400], q).toContain(status)
      if (parseWorkspaceSearch(q).issues !== null) expect(status, q).toBe(400)
    }
  })
})

describe("one workspace", () => {
  let owner: GivenUser
  let stranger: GivenUser
  let template: GivenTemplate

  beforeAll(async () => {
    owner = await givenUser()
    stranger = await givenUser()
    template = await givenTemplate(owner)
  })

  test("is shown whole, by its id and by its owner and name", async () => {
    const workspace = await givenWorkspace(owner, template, { columns: { ttl_ms: 3_600_000 } })
    await givenAgent(workspace, workspace.build)
    const byId = await api(`/api/v2/workspaces/${workspace.id}`, { token: owner.token })
    expect(byId.status).toBe(200)
    expect(workspaceSchema.parse(byId.body)).toEqual(byId.body)
    expect(byId.body).toMatchObject({
      id: workspace.id,
      owner_name: owner.username,
      template_name: template.name,
      ttl_ms: 3_600_000,
      outdated: false,
      favorite: false,
      is_prebuild: false,
      task_id: null,
      latest_build: {
        status: "running",
        build_number: 1,
        resources: [{ agents: [{ parent_id: null }] }],
      },
    })
    for (const user of ["me", owner.id, owner.username.toUpperCase()]) {
      const path = `/api/v2/users/${user}/workspace/${workspace.name.toUpperCase()}`
      expect((await api(path, { token: owner.token })).body).toEqual(byId.body)
    }
  })

  test("is 404 for a stranger and 401 without a session", async () => {
    const workspace = await givenWorkspace(owner, template)
    const missing = await api(`/api/v2/workspaces/${crypto.randomUUID()}`, {
      token: stranger.token,
    })
    const hidden = await api(`/api/v2/workspaces/${workspace.id}`, { token: stranger.token })
    expect(missing.status).toBe(404)
    expect(hidden.status).toBe(404)
    expect(hidden.body).toEqual(missing.body)
    expect((await api(`/api/v2/workspaces/${workspace.id}`)).status).toBe(401)
  })

  test("is 410 when deleted, unless it is included", async () => {
    const workspace = await givenWorkspace(owner, template, { columns: { deleted: true } })
    const byId = `/api/v2/workspaces/${workspace.id}`
    const byName = `/api/v2/users/me/workspace/${workspace.name}`
    const { token } = owner
    expect((await api(byId, { token })).status).toBe(410)
    expect((await api(byName, { token })).status).toBe(404)
    expect((await api(`${byId}?include_deleted=true`, { token })).status).toBe(200)
    expect((await api(`${byName}?include_deleted=true`, { token })).body.id).toBe(workspace.id)
    expect((await api(`${byId}?include_deleted=perhaps`, { token })).status).toBe(400)
    expect((await api(byId, { token: stranger.token })).status).toBe(404)
  })

  test("a path that holds no UUID is refused", async () => {
    const { status, body } = await api("/api/v2/workspaces/nonsense", { token: owner.token })
    expect(status).toBe(400)
    expect(body.message).toBe('Invalid UUID "nonsense".')
  })
})
