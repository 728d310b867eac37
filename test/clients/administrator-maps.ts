// The calls of administrators' clients: the command line and the Terraform provider.
//
// The command line goes from sign-in to a template's next version, the provider through users and
// templates. Each must get what it needs. The place's person is an owner.
import { expect } from "vitest"
import { clientWith, expectKeys } from "./client.ts"
import { clientOf, newName, provision, pushVersion, type Place } from "./place.ts"

const plan = {
  parameters: [{ name: "region", default_value: "eu", mutable: true }],
  variables: [{ name: "image", default_value: "ubuntu" }],
  resources_start: [{ type: "vm", name: "vm", agents: [{ name: "main" }] }],
}
const setupOf = (place: Place) => ({
  client: clientOf(place, { "Coder-CLI-Telemetry": "e30=" }),
  organizationId: place.organizationId,
})

export const administratorMaps: Record<string, (place: Place) => Promise<void>> = {
  "the command line: sign in with a password, take a key, see who one is": async (place) => {
    const { client, organizationId } = setupOf(place)
    const password = "correct horse battery staple"
    const username = newName("cli")
    await client.post("/users", {
      username,
      email: `${username}@example.test`,
      password,
      organization_ids: [organizationId],
    })
    const nobody = clientWith(place.door, {})
    expect(typeof (await nobody.get("/users/first")).message).toBe("string")
    expect((await nobody.get("/users/authmethods")).password.enabled).toBe(true)
    const login = await nobody.post("/users/login", { email: `${username}@example.test`, password })
    const session = clientWith(place.door, { "Coder-Session-Token": login.session_token })
    const { key } = await session.post("/users/me/keys", undefined)
    const cli = clientWith(place.door, { "Coder-Session-Token": key })
    expect(await cli.get("/users/me")).toMatchObject({
      username,
      organization_ids: [organizationId],
    })
    expect(await cli.get("/workspaces?q=owner:me")).toEqual({ workspaces: [], count: 0 })
    await cli.post("/users/logout", undefined, 200)
    await cli.get("/users/me", 401)
    expect((await session.get("/users/me")).username).toBe(username)
  },

  "the command line: tokens are made, listed, read and taken away": async (place) => {
    const { client } = setupOf(place)
    const { key } = await client.post("/users/me/keys/tokens", {
      token_name: "ci",
      lifetime: 3_600_000_000_000,
    })
    expect(key).toMatch(/^[0-9A-Za-z]{10}-[0-9A-Za-z]{22}$/)
    expect(
      (await client.get("/users/me/keys/tokens/tokenconfig")).max_token_lifetime,
    ).toBeGreaterThan(0)
    const [listed] = await client.get("/users/me/keys/tokens?include_all=false")
    expect(listed).toMatchObject({ token_name: "ci", login_type: "token" })
    const named = await client.get("/users/me/keys/tokens/ci")
    expect(named.id).toBe(listed.id)
    const withToken = clientWith(place.door, { Authorization: `Bearer ${key}` })
    await withToken.get("/users/me")
    await client.delete(`/users/me/keys/${named.id}`, 204)
    await withToken.get("/users/me", 401)
  },

  "the command line: push a template, create from it, start, reach the agent, push again, update":
    async (place) => {
      const { client, organizationId } = setupOf(place)
      const name = newName("cli-made")
      const first = await pushVersion(place, client, plan)
      const template = await client.post(`/organizations/${organizationId}/templates`, {
        name,
        template_version_id: first.id,
        default_ttl_ms: 3_600_000,
      })
      expect(await client.get(`/organizations/${organizationId}/templates/${name}`)).toMatchObject({
        id: template.id,
      })
      expectKeys(await client.get(`/organizations/${organizationId}/members/me`), [
        "user_id",
        "username",
      ])
      expect(await client.get(`/templateversions/${first.id}/rich-parameters`)).toMatchObject([
        { name: "region" },
      ])
      expect((await client.get(`/templateversions/${first.id}/presets`)) ?? []).toEqual([])
      expect(await client.get(`/templateversions/${first.id}/external-auth`)).toEqual([])
      expect(await client.get(`/templateversions/${first.id}/variables`)).toMatchObject([
        { name: "image" },
      ])
      expect((await client.get(`/templateversions/${first.id}/resources`)).length).toBeGreaterThan(
        0,
      )

      const workspace = await client.post("/users/me/workspaces", {
        template_version_id: first.id,
        name: "from-cli",
        rich_parameter_values: [{ name: "region", value: "us" }],
        automatic_updates: "never",
      })
      const following = client.watch(
        `/workspacebuilds/${workspace.latest_build.id}/logs?follow&after=0`,
        () => false,
      )
      await provision(place)
      expect(await following).toMatchObject({
        frames: [{ output: "one" }, { output: "two" }],
        code: 1000,
      })
      const running = await client.get("/users/me/workspace/from-cli?include_deleted=false")
      const [agent] = running.latest_build.resources[0].agents
      expectKeys(await client.get(`/workspaceagents/${agent.id}`), [
        "id",
        "status",
        "lifecycle_state",
        "log_sources",
      ])
      // What needs the reference's own network is not there, in the shape that every error has.
      for (const path of [
        `/workspaceagents/${agent.id}/connection`,
        `/workspaceagents/${agent.id}/coordinate`,
      ]) {
        expect(typeof (await client.get(path, 404)).message).toBe("string")
      }
      await client.post(
        `/workspaces/${running.id}/usage`,
        { agent_id: agent.id, app_name: "ssh" },
        204,
      )

      const second = await pushVersion(place, client, plan, template.id)
      expect(
        (
          await client.get(
            `/organizations/${organizationId}/templates/${name}/versions/${second.name}`,
          )
        ).id,
      ).toBe(second.id)
      await client.patch(`/templates/${template.id}/versions`, { id: second.id })
      expect(await client.get(`/workspaces/${running.id}`)).toMatchObject({
        outdated: true,
        template_active_version_id: second.id,
      })
      await client.post(`/workspaces/${running.id}/builds`, { transition: "stop", reason: "cli" })
      await provision(place)
      expect(await client.get(`/workspacebuilds/${running.latest_build.id}/parameters`)).toEqual([
        { name: "region", value: "us" },
      ])
      const updated = await client.post(`/workspaces/${running.id}/builds`, {
        transition: "start",
        reason: "cli",
        template_version_id: second.id,
        rich_parameter_values: [],
        log_level: "debug",
      })
      await provision(place)
      expect(await client.get(`/workspacebuilds/${updated.id}/parameters`)).toEqual([
        { name: "region", value: "us" },
      ])
      expect((await client.get(`/workspaces/${running.id}`)).outdated).toBe(false)
    },

  "the dashboard: what an owner's pages ask for on the side": async (place) => {
    const { client } = setupOf(place)
    const { features } = await client.get("/entitlements")
    expect([features.audit_log.enabled, features.browser_only.enabled]).toEqual([true, false])
    expect(await client.get("/applications/host")).toEqual({ host: "" })
    expect(await client.get("/external-auth")).toEqual({ providers: [], links: [] })
    expectKeys(await client.get("/deployment/config"), ["config", "options"])
    expectKeys(await client.get("/connectionlog?limit=25"), ["connection_logs", "count"])
    const appearance = await client.get("/appearance")
    expectKeys(appearance, ["application_name", "logo_url", "announcement_banners"])
    const { logo_url, announcement_banners } = appearance
    const body = { application_name: "", logo_url, announcement_banners }
    expect(await client.put("/appearance", body, 200)).toMatchObject(body)
    const report = await client.get("/debug/health")
    expectKeys(report, [
      "severity",
      "access_url",
      "database",
      "websocket",
      "derp",
      "workspace_proxy",
      "provisioner_daemons",
    ])
    // A client that builds addresses by hand ends some with a slash.
    expect(await client.get("/users/me/")).toEqual(await client.get("/users/me"))
  },

  "the Terraform provider: configure, a user's whole life": async (place) => {
    const { client, organizationId } = setupOf(place)
    expect((await client.get("/users/me")).organization_ids[0]).toBe(organizationId)
    expectKeys(await client.get("/entitlements"), ["features", "has_license"])
    const username = newName("tf")
    const user = await client.post("/users", {
      username,
      name: "Terraform Made",
      email: `${username}@example.test`,
      password: "correct horse battery staple",
      login_type: "password",
      user_status: "active",
      organization_ids: [organizationId],
    })
    const path = `/users/${user.id}`
    expect((await client.put(`${path}/roles`, { roles: ["auditor"] }, 200)).roles).toMatchObject([
      { name: "auditor" },
    ])
    expect((await client.put(`${path}/status/suspend`, undefined, 200)).status).toBe("suspended")
    expect((await client.put(`${path}/status/activate`, undefined, 200)).status).toBe("active")
    const renamed = `${username}-b`
    expect(
      await client.put(`${path}/profile`, { username: renamed, name: "Renamed" }, 200),
    ).toMatchObject({
      username: renamed,
    })
    await client.put(`${path}/password`, { password: "another horse, another battery" })
    expect(await client.get(path)).toMatchObject({
      username: renamed,
      name: "Renamed",
      status: "active",
      login_type: "password",
      roles: [{ name: "auditor" }],
    })
    await client.delete(path)
    await client.get(path, 404)
  },

  "the Terraform provider: a template's whole life": async (place) => {
    const { client, organizationId } = setupOf(place)
    const version = await pushVersion(place, client, plan)
    const template = await client.post(`/organizations/${organizationId}/templates`, {
      name: newName("tf-made"),
      display_name: "Terraform made",
      template_version_id: version.id,
      allow_user_autostart: true,
      allow_user_autostop: true,
      autostop_requirement: { days_of_week: ["sunday"], weeks: 1 },
    })
    const changed = await client.patch(`/templates/${template.id}`, {
      display_name: "Changed",
      default_ttl_ms: 7_200_000,
      failure_ttl_ms: 60_000,
      require_active_version: true,
    })
    expect(changed).toMatchObject({
      display_name: "Changed",
      default_ttl_ms: 7_200_000,
      failure_ttl_ms: 60_000,
    })
    const next = await pushVersion(place, client, plan, template.id)
    await client.patch(`/templateversions/${next.id}`, { name: "v2", message: "the second" })
    await client.patch(`/templates/${template.id}/versions`, { id: next.id })
    expect(await client.get(`/templates/${template.id}`)).toMatchObject({
      active_version_id: next.id,
    })
    expect(await client.get(`/templates/${template.id}/versions`)).toHaveLength(2)
    await client.delete(`/templates/${template.id}`)
    await client.get(`/templates/${template.id}`, 404)
    const left: { id: string }[] = await client.get(`/organizations/${organizationId}/templates`)
    expect(left.map(({ id }) => id)).not.toContain(template.id)
  },
}
