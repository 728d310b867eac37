// The world of one row of `executor_scenario`: a workspace whose history a daemon made through the protocol, and what happens to it
// between the ticks, by the row's own words.
import { expect } from "vitest"
import { givenVersion } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { api, at, query } from "../harness.ts"
import { reconcile } from "../pools/given-pools.ts"
import {
  claim,
  completeJob,
  failJob,
  givenWorld,
  runJob,
  takeJob,
  type World,
} from "../pools/given-world.ts"
import { templateColumns } from "./executor-cases.ts"

export type ScenarioInput = {
  workspace: Record<string, string | number | boolean | null>
  builds: {
    transition: "start" | "stop" | "delete"
    created_at: string
    completed_at: string
    status: string
  }[]
  template?: Record<string, unknown>
  user_status: string
  executors?: number
  deadline?: string
  before_ticks?: string
  prebuild?: boolean
  parameters?: Record<string, string>
  provisioner_tags?: Record<string, string>
  quiet_hours?: string
}

export type Scene = {
  world: World
  workspaceId: string
  versions: Record<string, string>
  /** Ends the job that waits, at an instant. */
  finish: (text: string) => Promise<unknown>
  patchTemplate: (body: object) => Promise<void>
  put: (what: string, body: object) => Promise<void>
}

type Event = (scene: Scene) => Promise<unknown>

const clock = (text: string) => at(new Date(text))

/** What rows say in words. A text that is not here fails the row that says it. */
const events: Record<string, Event> = {
  "PUT extend to 2024-01-01T18:35:10Z at 2024-01-01T17:30:00Z": ({ put }) => {
    clock("2024-01-01T17:30:00Z")
    return put("extend", { deadline: "2024-01-01T18:35:10Z" })
  },
  "PUT extend to 2024-01-01T20:05:10Z at 2024-01-01T17:55:00Z": ({ put }) => {
    clock("2024-01-01T17:55:00Z")
    return put("extend", { deadline: "2024-01-01T20:05:10Z" })
  },
  "the start build completed at 2024-01-01T11:00:10Z; PATCH template time_til_dormant 1 min at 2024-01-01T11:01:00Z":
    async ({ finish, patchTemplate }) => {
      await finish("2024-01-01T11:00:10Z")
      clock("2024-01-01T11:01:00Z")
      await patchTemplate({ time_til_dormant_ms: 60_000 })
    },
  "the stop build completed at 2024-01-01T11:05:10Z": ({ finish }) =>
    finish("2024-01-01T11:05:10Z"),
  "PUT dormant true at 2024-01-01T10:30:00Z, then PATCH template autodelete 1 min at 2024-01-01T10:31:00Z (deleting_at 2024-01-01T10:31:00Z), both before the delete build":
    async ({ put, patchTemplate, workspaceId }) => {
      clock("2024-01-01T10:30:00Z")
      await put("dormant", { dormant: true })
      clock("2024-01-01T10:31:00Z")
      await patchTemplate({ time_til_dormant_autodelete_ms: 60_000 })
      const [row] = await query("select deleting_at from workspaces where id = $1", [workspaceId])
      expect(row.deleting_at).toEqual(new Date("2024-01-01T10:31:00Z"))
    },
  "PATCH template require_active_version true; the start completed at 2024-01-01T11:00:10Z and the workspace was stopped again on v1: build created 2024-01-01T11:20:30Z, completed 2024-01-01T11:20:40Z":
    async ({ finish, patchTemplate, ...scene }) => {
      await patchTemplate({ require_active_version: true })
      await finish("2024-01-01T11:00:10Z")
      clock("2024-01-01T11:20:30Z")
      await stop(scene)
      await finish("2024-01-01T11:20:40Z")
    },
  "PATCH template autostart days Tuesday-Friday (0b00011110)": ({ patchTemplate }) =>
    patchTemplate({
      autostart_requirement: { days_of_week: ["tuesday", "wednesday", "thursday", "friday"] },
    }),
  "raw update: schedule CRON_TZ=UTC 0 9 * * 1-6 with the same next_start_at (database nulls it)": ({
    workspaceId,
  }) =>
    query(
      "update workspaces set autostart_schedule = 'CRON_TZ=UTC 0 9 * * 1-6', next_start_at = next_start_at where id = $1",
      [workspaceId],
    ),
  "claimed at 2024-01-01T11:01:00Z": (scene) => claimAt(scene, "2024-01-01T11:01:00Z"),
  "claimed at 2024-01-02T00:01:00Z": (scene) => claimAt(scene, "2024-01-02T00:01:00Z"),
  "claimed at 2024-01-01T11:01:00Z (last_used_at moves to the claim time)": (scene) =>
    claimAt(scene, "2024-01-01T11:01:00Z"),
  "claimed at 2024-01-02T10:00:00Z with the schedule, then stopped: build created 2024-01-02T10:30:00Z, completed 2024-01-02T10:30:10Z":
    async (scene) => {
      await claimAt(scene, "2024-01-02T10:00:00Z", { autostart_schedule: "CRON_TZ=UTC 0 0 * * *" })
      clock("2024-01-02T10:30:00Z")
      await stop(scene)
      await scene.finish("2024-01-02T10:30:10Z")
    },
  "the stop build has completed": ({ finish }) => finish("2024-01-01T13:02:10Z"),
}

export async function happens(text: string | undefined, scene: Scene): Promise<void> {
  if (text === undefined) return
  const event = events[text]
  if (event === undefined) throw new Error(`no event for: ${text}`)
  await event(scene)
}

async function stop({ world, workspaceId }: Pick<Scene, "world" | "workspaceId">): Promise<void> {
  const { status } = await api(`/api/v2/workspaces/${workspaceId}/builds`, {
    body: { transition: "stop" },
    token: world.owner.token,
  })
  expect(status).toBe(201)
}

async function claimAt(
  { world, workspaceId, finish }: Scene,
  text: string,
  body = {},
): Promise<void> {
  clock(text)
  const claimed = await claim(world, body)
  expect(claimed).toMatchObject({ status: 201, body: { id: workspaceId } })
  await finish(text)
}

export async function givenScene(input: ScenarioInput): Promise<Scene> {
  const template = input.template ?? {}
  const world = await givenWorld(templateColumns(template), input.prebuild === true ? 1 : 0)
  const { owner } = world
  if (input.quiet_hours !== undefined) {
    await query("update users set quiet_hours_schedule = $2 where id = $1", [
      owner.id,
      input.quiet_hours,
    ])
  }
  const versions = { v1: world.template.version.id, ...(await secondVersion(world, template)) }
  const workspaceId =
    input.prebuild === true ? await prebuild(world, input) : await plainWorkspace(world, input)
  const scene: Scene = {
    world,
    workspaceId,
    versions,
    finish: (text) => runJob(world, new Date(text)),
    patchTemplate: async (body) => {
      const path = `/api/v2/templates/${world.template.id}`
      expect((await api(path, { method: "PATCH", body, token: owner.token })).status).toBe(200)
    },
    put: async (what, body) => {
      const path = `/api/v2/workspaces/${workspaceId}/${what}`
      expect((await api(path, { method: "PUT", body, token: owner.token })).status).toBe(200)
    },
  }
  if (input.prebuild !== true) await playHistory(scene, input)
  for (const [name, value] of Object.entries(input.parameters ?? {})) {
    await query(
      "insert into workspace_build_parameters select latest_build_id, $2, $3 from workspaces where id = $1",
      [workspaceId, name, value],
    )
  }
  if (input.provisioner_tags !== undefined) {
    const tags = { scope: "organization", owner: "", ...input.provisioner_tags }
    await query("update provisioner_daemons set tags = $2 where id = $1", [
      world.provisioner.daemonId,
      tags,
    ])
    await query("update provisioner_jobs set tags = $2 where id = $1", [
      world.template.version.jobId,
      tags,
    ])
  }
  await query("update users set status = $2 where id = $1", [owner.id, input.user_status])
  return scene
}

async function secondVersion({ owner, template }: World, columns: Record<string, unknown>) {
  if (columns["active_version"] === undefined) return {}
  const isNew = columns["v2_new_required_parameter"] === true
  const version = await givenVersion(owner, {
    columns: { template_id: template.id },
    ...(isNew && { parameters: [{ name: "new", required: true }] }),
  })
  await query("update templates set active_version_id = $2 where id = $1", [
    template.id,
    version.id,
  ])
  return { v2: version.id }
}

async function prebuild(world: World, { builds }: ScenarioInput): Promise<string> {
  const [build] = builds
  await reconcile(new Date(build?.created_at ?? ""))
  const job = await runJob(world, new Date(build?.completed_at ?? ""))
  return job.build.workspace.id
}

async function plainWorkspace({ owner, template }: World, { workspace, builds }: ScenarioInput) {
  const ttl = workspace["ttl_seconds"]
  const { id } = await givenWorkspace(owner, template, {
    build: null,
    columns: {
      name: "w",
      ttl_ms: ttl === null ? null : Number(ttl) * 1000,
      autostart_schedule: workspace["autostart_schedule"],
      automatic_updates: workspace["automatic_updates"],
      last_used_at: workspace["last_used_at"],
      created_at: builds[0]?.created_at,
    },
  })
  return id
}

/** The builds of the row, one after the other, each asked for and ended when the row says so. */
async function playHistory(scene: Scene, input: ScenarioInput): Promise<void> {
  const { world, workspaceId } = scene
  const isBeforeLastBuild = input.before_ticks?.includes("before the delete build") ?? false
  for (const [index, build] of input.builds.entries()) {
    if (isBeforeLastBuild && index === input.builds.length - 1)
      await happens(input.before_ticks, scene)
    const workspace = {
      id: workspaceId,
      name: "w",
      ownerId: world.owner.id,
      organizationId: world.owner.organizationId,
      template: world.template,
    }
    const { transition, created_at, completed_at, status } = build
    await givenBuild(workspace, { transition, status: "pending", at: new Date(created_at) })
    const job = await takeJob(world, new Date(completed_at))
    if (status === "failed") await failJob(world, job, "it failed")
    else await completeJob(world, job)
  }
  if (input.deadline !== undefined) {
    await query(
      "update workspace_builds set deadline = $2 where id = (select latest_build_id from workspaces where id = $1)",
      [workspaceId, input.deadline],
    )
  }
  if (!isBeforeLastBuild) await happens(input.before_ticks, scene)
}
