// The main flows of people's clients, call by call. Each must get what it needs.
import { expect } from "vitest"
import { clientWith, expectKeys, type Client } from "./client.ts"
import { clientOf, newName, provision, pushVersion, type Place } from "./place.ts"

const hourMs = 3_600_000

type Setting = Place & {
  client: Client
  template: { id: string; versionId: string }
  /** Those of a list of templates that the setting has brought. */
  ours: (templates: { id: string }[]) => { id: string }[]
}

/** A template with two parameters, pushed as people push one. */
async function settingOf(place: Place): Promise<Setting> {
  const client = clientOf(place)
  const before: { id: string }[] = await client.get("/templates")
  const known = new Set(before.map(({ id }) => id))
  const version = await pushVersion(place, client, {
    parameters: [
      { name: "repo", default_value: "https://git.test/a/b", mutable: true },
      { name: "size", type: "number", default_value: "2", mutable: true },
    ],
  })
  const { id } = await client.post(`/organizations/${place.organizationId}/templates`, {
    name: newName("template"),
    template_version_id: version.id,
    allow_user_cancel_workspace_jobs: true,
    default_ttl_ms: 28_800_000,
  })
  return {
    ...place,
    client,
    template: { id, versionId: version.id },
    ours: (templates) => templates.filter((one) => !known.has(one.id)),
  }
}

/** A workspace that runs, as the dashboard makes one. */
async function givenRunning(setting: Setting) {
  const { client, template } = setting
  const made = await client.post("/users/me/workspaces", {
    name: newName("work"),
    template_id: template.id,
  })
  const { agentToken } = await provision(setting)
  return { id: made.id as string, name: made.name as string, agentToken: agentToken ?? "" }
}

const workspaceKeys = [
  "id",
  "template_id",
  "template_name",
  "template_display_name",
  "template_icon",
  "latest_build",
  "outdated",
  "name",
  "owner_name",
]

export const callMaps: Record<string, (place: Place) => Promise<void>> = {
  "the dashboard's client: create, wait, stop, start, cancel, delete": async (place) => {
    const setting = await settingOf(place)
    const { client, template, user, ours } = setting
    expect(await client.get("/users/me")).toMatchObject({ id: user.id, username: user.username })
    expect(ours(await client.get("/templates?deprecated="))).toMatchObject([{ id: template.id }])
    expect(
      await client.get(`/templateversions/${template.versionId}/rich-parameters`),
    ).toHaveLength(2)
    await client.get(`/templateversions/${template.versionId}/presets`)
    await client.get(`/templateversions/${template.versionId}/external-auth`)

    const made = await client.post("/users/me/workspaces", {
      name: "my-work",
      template_id: template.id,
      rich_parameter_values: [{ name: "size", value: "4" }],
    })
    const waitFor = async (build: Record<string, string>) => {
      const { workspace_owner_name, workspace_name, build_number } = build
      return client.get(
        `/users/${workspace_owner_name}/workspace/${workspace_name}/builds/${build_number}`,
      )
    }
    expect((await waitFor(made.latest_build)).job.status).toBe("pending")
    await provision(setting)
    expect(await waitFor(made.latest_build)).toMatchObject({
      job: { status: "succeeded" },
      status: "running",
    })

    const builds = `/workspaces/${made.id}/builds`
    const stopped = await client.post(builds, { transition: "stop" })
    await provision(setting)
    expect((await waitFor(stopped)).status).toBe("stopped")
    const started = await client.post(builds, {
      transition: "start",
      template_version_id: template.versionId,
      reason: "dashboard",
    })
    expect(started).toMatchObject({ reason: "dashboard", status: "pending", build_number: 3 })
    const twice = await client.post(builds, { transition: "stop" }, 409)
    expect(twice.message).toBe("A workspace build is already active.")
    const canceled = await client.patch(
      `/workspacebuilds/${started.id}/cancel?expect_status=pending`,
      null,
    )
    expect(canceled.message).toContain("canceled")
    expect((await waitFor(started)).job.status).toBe("canceled")

    const invalid = await client.post(
      builds,
      {
        transition: "start",
        rich_parameter_values: [{ name: "size", value: "many" }],
      },
      400,
    )
    expect(invalid.message).toContain("size")
    const deleted = await client.post(builds, { transition: "delete", log_level: undefined })
    await provision(setting)
    expect((await waitFor(deleted).catch(() => null)) ?? { status: "deleted" }).toMatchObject({
      status: "deleted",
    })
    await client.get(`/workspaces/${made.id}`, 410)
    expect((await client.get("/workspaces?q=owner:me")).count).toBe(0)
  },

  "the dashboard at load asks for what surrounds the workspaces": async (place) => {
    const setting = await settingOf(place)
    const { client } = setting
    expect((await client.get("/regions")).regions.length).toBeGreaterThan(0)
    expectKeys(await client.get("/updatecheck"), ["current", "version", "url"])
    expect(await client.get("/experiments")).toEqual(["workspace-usage"])
    expectKeys(await client.get("/entitlements"), ["features", "has_license", "refreshed_at"])
    expectKeys(await client.get("/appearance"), ["application_name"])
    expect(await client.get("/notifications/inbox")).toEqual({ notifications: [], unread_count: 0 })
    const checks = {
      createWorkspace: { object: { resource_type: "workspace", owner_id: "me" }, action: "create" },
      viewDeployment: { object: { resource_type: "deployment_config" }, action: "read" },
    }
    const answer = await client.post("/authcheck", { checks }, 200)
    expect(answer.viewDeployment).toBe(false)
    await client.get("/deployment/stats", 403)
  },

  "VS Code: sign in, poll, open, connect": async (place) => {
    const setting = await settingOf(place)
    const { client, door, template, user } = setting
    const stale = clientWith(door, { "Coder-Session-Token": "aaaaaaaaaa-bbbbbbbbbbbbbbbbbbbbbb" })
    await stale.get("/users/me", 401)
    expectKeys(await client.get("/users/me"), ["id", "username"])
    await client.get("/appearance")
    const { id, name, agentToken } = await givenRunning(setting)
    const mine = await client.get("/workspaces?q=owner:me")
    expect(mine.workspaces.map((workspace: { id: string }) => workspace.id)).toEqual([id])
    await client.get("/workspaces?q=")
    await client.get(`/workspaces?q=${encodeURIComponent(`shared_with_user:${user.id}`)}`)
    await client.get(`/workspaces?q=${name.slice(0, 4)}`)

    const [agent] = mine.workspaces[0].latest_build.resources[0].agents
    const metadata = await client.watch(
      `/workspaceagents/${agent.id}/watch-metadata-ws`,
      (frames) => frames.length > 0,
    )
    expect(metadata.frames[0]).toMatchObject({ type: "data", data: [] })

    // Where the sockets are not there, the same as event streams.
    for (const path of [`/workspaces/${id}/watch`, `/workspaceagents/${agent.id}/watch-metadata`]) {
      await client.events(path)
    }

    expect((await client.get(`/users/${user.username}/workspace/${name}`)).id).toBe(id)
    await client.get(`/users/${user.username}/workspace/not-there`, 404)
    expect((await client.get("/buildinfo")).version).toMatch(/^v2\.\d+\.\d+/)
    const binary = await door.send("GET", "/bin/coder-linux-amd64", { "If-None-Match": '"abc"' })
    expect([binary.status, typeof binary.body.message]).toEqual([404, "string"])
    expectKeys(await client.get("/deployment/ssh"), ["hostname_prefix", "ssh_config_options"])

    const ready = { state: "ready", changed_at: "2026-03-04T09:00:00Z" }
    const ofAgent = clientWith(door, { "Coder-Session-Token": agentToken })
    await ofAgent.post("/workspaceagents/me/report-lifecycle", ready, 204)
    const watched = await client.watch(
      `/workspaces/${id}/watch-ws`,
      (frames) => frames.length === 2,
    )
    expect(watched.frames).toMatchObject([
      { type: "ping" },
      {
        type: "data",
        data: {
          id,
          latest_build: {
            status: "running",
            resources: [{ agents: [{ status: "connected", lifecycle_state: "ready" }] }],
          },
        },
      },
    ])
    const { latest_build } = await client.get(`/workspaces/${id}`)
    const logs = await client.watch(
      `/workspacebuilds/${latest_build.id}/logs?follow=true`,
      () => false,
    )
    expect(logs.frames).toMatchObject([{ output: "one" }, { output: "two" }])
    expect(logs.code).toBe(1000)
    const agentLogs = await client.watch(
      `/workspaceagents/${agent.id}/logs?follow=true`,
      (frames) => frames.length > 0,
    )
    expect(Array.isArray(agentLogs.frames[0])).toBe(true)
    const inbox = `format=plaintext&templates=${crypto.randomUUID()}&targets=${id}`
    await client.watch(`/notifications/inbox/watch?${inbox}`, () => true)

    const { active_version_id } = await client.get(`/templates/${template.id}`)
    expect((await client.get(`/templateversions/${active_version_id}`)).job.status).toBe(
      "succeeded",
    )
    expect(await client.get(`/workspacebuilds/${latest_build.id}/parameters`)).toHaveLength(2)
    // An update of an old client: stop, wait, start with the new version.
    await client.post(`/workspaces/${id}/builds`, { transition: "stop" })
    await provision(setting)
    await client.post(`/workspaces/${id}/builds`, {
      transition: "start",
      template_version_id: active_version_id,
      reason: "vscode_connection",
    })
    await provision(setting)
    await client.post(`/workspaces/${id}/usage`, { agent_id: agent.id, app_name: "vscode" }, 404)
  },

  "JetBrains Toolbox: three calls at the start, a poll each five seconds, strict readers": async (
    place,
  ) => {
    const setting = await settingOf(place)
    const { template } = setting
    const client = clientOf(place, { "User-Agent": "Coder Toolbox/0.6.0 (linux; amd64)" })
    expectKeys(await client.get("/users/me"), ["id", "username"])
    expectKeys(await client.get("/buildinfo"), ["external_url", "version"])
    expectKeys(await client.get("/appearance"), ["application_name"])
    const { id } = await givenRunning(setting)
    const { workspaces } = await client.get("/workspaces?q=")
    const listed = workspaces.find((workspace: { id: string }) => workspace.id === id)
    for (const workspace of [listed, await client.get(`/workspaces/${id}`)]) {
      expectKeys(workspace, workspaceKeys)
      const build = workspace.latest_build
      expectKeys(build, ["id", "build_number", "template_version_id", "resources", "status"])
      expectKeys(build.resources[0].agents[0], ["id", "status", "name", "lifecycle_state"])
    }
    for (const [path, only] of [
      ["/templates", (body: unknown[]) => body[0]],
      [`/templates/${template.id}`, (body: unknown) => body],
    ] as const) {
      const read = only(await client.get(path)) as Record<string, unknown>
      expectKeys(read, ["id", "active_version_id", "name", "display_name", "deprecated"])
    }
    await client.post(`/workspaces/${id}/builds`, {
      transition: "stop",
      reason: "jetbrains_connection",
    })
    await provision(setting)
    await client.post(`/workspaces/${id}/builds`, {
      transition: "start",
      reason: "jetbrains_connection",
    })
    await provision(setting)
    await client.post(`/workspaces/${id}/builds`, { transition: "delete", orphan: false })
  },

  "JetBrains Gateway: by name, and the version's resources": async (place) => {
    const setting = await settingOf(place)
    const { client, template, user } = setting
    const { name } = await givenRunning(setting)
    expectKeys(await client.get(`/users/${user.username}/workspace/${name}`), workspaceKeys)
    expect(await client.get(`/templateversions/${template.versionId}/resources`)).toEqual([])
  },

  "Backstage: two credentials, one search a parameter, the SDK's older paths": async (place) => {
    const setting = await settingOf(place)
    const { user, template, organizationId, ours } = setting
    const client = clientOf(place, { Authorization: "Bearer eyJhbGciOiJFUzI1NiJ9.backstage.token" })
    expectKeys(await client.get("/users/me"), ["id", "username"])
    const { id } = await givenRunning(setting)
    const find = (q: string) => client.get(`/workspaces?q=${encodeURIComponent(q)}`)
    const found = await find('owner:me param:"repo=https://git.test/a/b"')
    expect(found.workspaces.map((workspace: { id: string }) => workspace.id)).toEqual([id])
    expect((await find('owner:me param:"repo=https://git.test/c/d"')).count).toBe(0)
    expect((await find('owner:me param:"custom_repo=https://git.test/a/b"')).count).toBe(0)
    expect(ours(await client.get("/templates"))).toMatchObject([{ id: template.id }])
    const older = await client.get(`/organizations/${organizationId}/templates`)
    expect(ours(older)).toMatchObject([{ id: template.id }])
    const made = await client.post(
      `/organizations/${organizationId}/members/${user.username}/workspaces`,
      {
        name: "from-backstage",
        template_id: template.id,
      },
    )
    expect(made.latest_build.status).toBe("pending")
  },

  "the command line: resolve, schedule, rename, favourite, dormancy": async (place) => {
    const setting = await settingOf(place)
    const { client } = setting
    const { id, name } = await givenRunning(setting)
    expect((await client.get(`/users/me/workspace/${name}?include_deleted=false`)).id).toBe(id)
    await client.put(`/workspaces/${id}/autostart`, {
      schedule: "CRON_TZ=Europe/Dublin 30 9 * * 1-5",
    })
    await client.put(`/workspaces/${id}/ttl`, { ttl_ms: 3_600_000 })
    // In a zone of its own, as the command line writes it.
    const inFourHours = new Date(Math.ceil(place.now.getTime() / 1_000) * 1_000 + 4 * hourMs)
    const inZone = `${new Date(inFourHours.getTime() + hourMs).toISOString().slice(0, 19)}+01:00`
    await client.put(`/workspaces/${id}/extend`, { deadline: inZone }, 200)
    await client.put(`/workspaces/${id}/favorite`, undefined)
    await client.put(`/workspaces/${id}/autoupdates`, { automatic_updates: "always" })
    expect(await client.get(`/workspaces/${id}/resolve-autostart`)).toEqual({
      parameter_mismatch: false,
    })
    await client.put(`/workspaces/${id}/dormant`, { dormant: true }, 200)
    await client.put(`/workspaces/${id}/dormant`, { dormant: false }, 200)
    await client.patch(`/workspaces/${id}`, { name }, 204)
    const workspace = await client.get(`/workspaces/${id}`)
    expect(workspace).toMatchObject({
      favorite: true,
      ttl_ms: 3_600_000,
      automatic_updates: "always",
      latest_build: { deadline: `${inFourHours.toISOString().slice(0, 19)}Z` },
    })
  },
}
