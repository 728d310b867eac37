// Sub agents, which their parent makes, lists and deletes; and what an agent may have of its owner.
import { describe, expect, test } from "vitest"
import { uniqueSlug } from "../../../src/agents/sub-agents/requests.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { api, query } from "../harness.ts"

async function given(columns = {}) {
  const user = await givenUser()
  const template = await givenTemplate(user, { columns: { max_port_share_level: "authenticated" } })
  const workspace = await givenWorkspace(user, template)
  const agent = await givenAgent(workspace, workspace.build, {
    columns: {
      troubleshooting_url: "https://help.test",
      connection_timeout_seconds: 77,
      ...columns,
    },
  })
  return { user, workspace, agent }
}

const path = "/api/v2/workspaceagents/me/sub-agents"
const make = (token: string, body: unknown) => api(path, { method: "POST", token, body })

test("a sub agent inherits from its parent and authenticates with its own token", async () => {
  const { user, agent } = await given()
  const { status, body } = await make(agent.token, {
    name: "web",
    directory: "/srv/web",
    architecture: "amd64",
    operating_system: "linux",
    display_apps: ["vscode", "vscode"],
    apps: [
      { slug: "site", share: "public", url: "http://localhost:8080" },
      { slug: "Not One" },
      { slug: "site" },
      { slug: "script", external: true, url: "javascript:fetch('/')" },
      { slug: "file", url: "file:///etc/passwd" },
      { slug: "leak", external: true, url: "https://evil.test/?t=$SESSION_TOKEN" },
      { slug: "editor", external: true, url: "vscode://open?token=$SESSION_TOKEN" },
    ],
  })
  expect(status).toBe(201)
  expect(body.app_creation_errors).toEqual([
    { index: 1, field: "slug", error: '"Not One" is not a slug' },
    { index: 2, field: "slug", error: '"site" occurs twice' },
    { index: 3, field: "url", error: expect.stringContaining("one of these schemes") },
    { index: 4, field: "url", error: "The URL must begin with http:// or https://." },
    { index: 5, field: "url", error: "Only a link to an editor may contain $SESSION_TOKEN." },
  ])
  const { body: view } = await api(`/api/v2/workspaceagents/${body.agent.id}`, {
    token: user.token,
  })
  expect(view).toMatchObject({
    parent_id: agent.id,
    resource_id: agent.resourceId,
    name: "web",
    directory: "/srv/web",
    display_apps: ["vscode"],
    connection_timeout_seconds: 77,
    troubleshooting_url: "https://help.test",
    environment_variables: null,
    apps: [
      { slug: await uniqueSlug("web", "site"), sharing_level: "authenticated", health: "disabled" },
      { slug: await uniqueSlug("web", "editor"), url: "vscode://open?token=$SESSION_TOKEN" },
    ],
  })
  const manifest = await api("/api/v2/workspaceagents/me/manifest", {
    token: body.agent.auth_token,
  })
  expect(manifest.body).toMatchObject({
    agent_id: body.agent.id,
    parent_id: agent.id,
    agent_name: "web",
  })
  expect((await api(path, { token: agent.token })).body).toEqual({
    agents: [{ id: body.agent.id, name: "web" }],
  })
})

test("a slug's prefix is eight characters that depend on the agent and the slug", async () => {
  expect(await uniqueSlug("web", "site")).toMatch(/^[0-9a-v]{8}-site$/)
  expect(await uniqueSlug("web", "site")).toBe(await uniqueSlug("web", "site"))
  expect(await uniqueSlug("other", "site")).not.toBe(await uniqueSlug("web", "site"))
})

test("a sub agent of the build gets a token, display apps and a directory only", async () => {
  const { user, workspace, agent } = await given()
  const child = await givenAgent(workspace, workspace.build, {
    columns: {
      name: "made",
      parent_id: agent.id,
      resource_id: agent.resourceId,
      directory: "/old",
    },
  })
  const kept = await make(agent.token, {
    id: child.id,
    name: "other",
    display_apps: ["web_terminal"],
  })
  expect(kept).toMatchObject({ status: 201, body: { agent: { id: child.id, name: "made" } } })
  const { body: view } = await api(`/api/v2/workspaceagents/${child.id}`, { token: user.token })
  expect(view).toMatchObject({ name: "made", directory: "/old", display_apps: ["web_terminal"] })
  const token = kept.body.agent.auth_token
  expect((await api("/api/v2/workspaceagents/me/manifest", { token })).status).toBe(200)
})

test("only its parent deletes a sub agent, once and for good", async () => {
  const { user, agent } = await given()
  const other = await given()
  const { body } = await make(agent.token, { name: "web" })
  const remove = (token: string) => api(`${path}/${body.agent.id}`, { method: "DELETE", token })
  expect((await remove(other.agent.token)).status).toBe(404)
  expect((await remove(body.agent.auth_token)).status).toBe(404)
  expect((await remove(agent.token)).status).toBe(204)
  expect((await remove(agent.token)).status).toBe(404)
  expect(
    (await api("/api/v2/workspaceagents/me/manifest", { token: body.agent.auth_token })).status,
  ).toBe(401)
  expect(
    (await api(`/api/v2/workspaceagents/${body.agent.id}`, { token: user.token })).status,
  ).toBe(404)
  expect((await api(path, { token: agent.token })).body).toEqual({ agents: [] })
  expect((await make(agent.token, { name: "web" })).status).toBe(201)
})

describe("refused", () => {
  test("400 for an invalid name and for a sub agent of a sub agent", async () => {
    const { agent } = await given()
    expect((await make(agent.token, { name: "two words" })).status).toBe(400)
    expect((await make(agent.token, {})).body.validations[0].field).toBe("name")
    const { body } = await make(agent.token, { name: "web" })
    expect((await make(body.agent.auth_token, { name: "deeper" })).status).toBe(400)
  })

  test("404 for another's sub agent and for the parent itself", async () => {
    const { agent } = await given()
    const other = await given()
    const { body } = await make(other.agent.token, { name: "web" })
    expect((await make(agent.token, { id: body.agent.id })).status).toBe(404)
    expect((await make(agent.token, { id: agent.id })).status).toBe(404)
    const manifest = await api("/api/v2/workspaceagents/me/manifest", {
      token: body.agent.auth_token,
    })
    expect(manifest.status).toBe(200)
  })

  test("409 for a name that is taken, ignoring case, also for concurrent calls", async () => {
    const { agent } = await given()
    const answers = await Promise.all([1, 2, 3].map(() => make(agent.token, { name: "web" })))
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([
      201, 409, 409,
    ])
    expect((await make(agent.token, { name: "WEB" })).status).toBe(409)
    expect((await make(agent.token, { name: agent.name })).status).toBe(409)
  })

  test("409 beyond the most that one parent may have", async () => {
    const { agent } = await given()
    await query(
      `insert into workspace_agents
         (id, parent_id, resource_id, workspace_id, build_id, name, created_at, updated_at)
       select gen_random_uuid(), $1, resource_id, workspace_id, build_id, 'child-' || n,
         created_at, created_at
       from workspace_agents, generate_series(1, 64) n where id = $1`,
      [agent.id],
    )
    expect((await make(agent.token, { name: "web" })).status).toBe(409)
  })
})

describe("an agent reads of its owner", () => {
  const keyPath = "/api/v2/workspaceagents/me/gitsshkey"

  test("an SSH key that is the same in all of the owner's workspaces", async () => {
    const { user, agent } = await given()
    const second = await givenWorkspace(user, await givenTemplate(user))
    const secondAgent = await givenAgent(second, second.build)
    const { status, body } = await api(keyPath, { token: agent.token })
    expect(status).toBe(200)
    expect(body.public_key).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/=]+\n$/)
    expect(body.private_key).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/)
    expect((await api(keyPath, { token: secondAgent.token })).body).toEqual(body)
    const other = await given()
    expect((await api(keyPath, { token: other.agent.token })).body.public_key).not.toBe(
      body.public_key,
    )
  })

  test("nothing but a 403 when its key scope is no_user_data", async () => {
    const { agent } = await given({ api_key_scope: "no_user_data" })
    expect((await api(keyPath, { token: agent.token })).status).toBe(403)
  })

  test("no credential of another service: 404, and 400 without a question", async () => {
    const { agent } = await given()
    const ask = (text: string) =>
      api(`/api/v2/workspaceagents/me/external-auth${text}`, { token: agent.token })
    expect((await ask("?match=https://git.test/a")).status).toBe(404)
    expect((await ask("?id=github")).status).toBe(404)
    expect((await ask("")).status).toBe(400)
    expect((await ask("?id=a&match=b")).status).toBe(400)
  })
})
