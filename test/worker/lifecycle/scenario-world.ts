// The world of one row of `executor_scenario`.
//
// A daemon made the workspace's history through the protocol. The row's events happen between the
// ticks.
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
  before_ticks?: Event[]
  before_last_build?: Event[]
  prebuild?: boolean
  parameters?: Record<string, string>
  provisioner_tags?: Record<string, string>
  quiet_hours?: string
}

export type Scene = {
  world: World
  workspaceId: string
  versions: Record<string, string>
  /** The workspace's `last_used_at` when the ticks begin. */
  usedAtFirst: Date
  /** Ends the pending job at an instant. */
  finish: (text: string) => Promise<unknown>
  patchTemplate: (body: object) => Promise<void>
  put: (what: string, body: object) => Promise<void>
}

const clock = (text: string) => at(new Date(text))

/** What happens to a workspace before the ticks or between them. */
export type Event = { at?: string } & (
  | { event: "put"; path: string; body: object }
  | { event: "patch_template"; body: object }
  | { event: "build"; transition: string }
  | { event: "finish_job"; at: string }
  | { event: "claim"; at: string; body?: Record<string, unknown> }
  /** By hand in the table, without a new `next_start_at`: the database clears it. */
  | { event: "update_schedule"; autostart_schedule: string }
  | { event: "expect_workspace"; columns: Record<string, string> }
  | { event: "expect_used_later" }
)

/** Makes the events happen in order, each at its instant. */
export async function happen(events: readonly Event[] | undefined, scene: Scene): Promise<void> {
  for (const event of events ?? []) {
    if (event.at !== undefined) clock(event.at)
    await happenOne(event, scene)
  }
}

async function happenOne(event: Event, scene: Scene): Promise<void> {
  const { workspaceId } = scene
  switch (event.event) {
    case "put":
      return scene.put(event.path, event.body)
    case "patch_template":
      return scene.patchTemplate(event.body)
    case "build":
      return requestBuild(scene, event.transition)
    case "finish_job":
      await scene.finish(event.at)
      return
    case "claim":
      return claimNow(scene, event.at, event.body)
    case "update_schedule":
      await query(
        `update workspaces set autostart_schedule = $2, next_start_at = next_start_at
         where id = $1`,
        [workspaceId, event.autostart_schedule],
      )
      return
    case "expect_workspace": {
      const [row] = await query("select * from workspaces where id = $1", [workspaceId])
      for (const [column, value] of Object.entries(event.columns))
        expect([column, row[column]]).toEqual([column, new Date(value)])
      return
    }
    case "expect_used_later": {
      const [row] = await query("select last_used_at from workspaces where id = $1", [workspaceId])
      expect(row.last_used_at.getTime()).toBeGreaterThan(scene.usedAtFirst.getTime())
    }
  }
}

async function requestBuild({ world, workspaceId }: Scene, transition: string): Promise<void> {
  const { status } = await api(`/api/v2/workspaces/${workspaceId}/builds`, {
    body: { transition },
    token: world.owner.token,
  })
  expect(status).toBe(201)
}

async function claimNow(
  { world, workspaceId, finish }: Scene,
  text: string,
  body: Record<string, unknown> = {},
): Promise<void> {
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
    usedAtFirst: new Date(0),
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
  const [row] = await query("select last_used_at from workspaces where id = $1", [workspaceId])
  scene.usedAtFirst = row.last_used_at
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

/** Requests and ends the builds of the row in order, at the instants that the row gives. */
async function playHistory(scene: Scene, input: ScenarioInput): Promise<void> {
  const { world, workspaceId } = scene
  for (const [index, build] of input.builds.entries()) {
    if (index === input.builds.length - 1) await happen(input.before_last_build, scene)
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
  await happen(input.before_ticks, scene)
}
