// A pool in a whole system: an organization of its own, a daemon, and a person who claims.
import { expect } from "vitest"
import {
  givenOrganization,
  givenProvisioner,
  givenUser,
  type GivenProvisioner,
  type GivenUser,
} from "../given-people.ts"
import { givenPreset, givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { api, at, query } from "../harness.ts"
import { daemonCall } from "../queue/given-jobs.ts"
import { insertRow, type Row } from "../rows.ts"

export type World = {
  owner: GivenUser
  template: GivenTemplate
  presetId: string
  provisioner: GivenProvisioner
}

/** An organization of its own with a pool of one and a daemon. */
export async function givenWorld(
  templateColumns: Row = {},
  desired: number | null = 1,
): Promise<World> {
  const organization = await givenOrganization()
  const owner = await givenUser({ organization, organizationRoles: ["organization-admin"] })
  const template = await givenTemplate(owner, { columns: templateColumns })
  const preset = await givenPreset(template.version.id, { columns: { desired_instances: desired } })
  const resource = await insertRow("workspace_resources", {
    id: crypto.randomUUID(),
    job_id: template.version.jobId,
    transition: "start",
    type: "compute",
    name: "main",
    created_at: new Date("2024-01-01T00:00:00Z"),
  })
  await insertRow("workspace_agents", {
    id: crypto.randomUUID(),
    resource_id: resource.id,
    name: "main",
    created_at: new Date("2024-01-01T00:00:00Z"),
    updated_at: new Date("2024-01-01T00:00:00Z"),
  })
  return {
    owner,
    template,
    presetId: preset.id,
    provisioner: await givenProvisioner({ organization }),
  }
}

/** The daemon's next job at an instant, or null. */
export async function takeJob(world: World, now: Date) {
  at(now)
  await query("update provisioner_daemons set last_seen_at = $2 where id = $1", [
    world.provisioner.daemonId,
    now,
  ])
  return (await daemonCall(world.provisioner, "acquire")).body
}

/** Ends the build well, with an agent that is ready at once where it is a start. */
// oxlint-disable-next-line typescript/no-explicit-any -- a job as the protocol has it
export async function completeJob(world: World, job: any, more: Record<string, unknown> = {}) {
  const isStart = job.build.transition === "start"
  const resources = isStart
    ? [{ type: "compute", name: "main", agents: [{ name: "main", os: "linux", arch: "amd64" }] }]
    : []
  const done = await daemonCall(world.provisioner, `jobs/${job.job_id}/complete`, {
    type: "workspace_build",
    resources,
    ...more,
  })
  expect(done.status).toBe(204)
  await query("update workspace_agents set lifecycle_state = 'ready' where build_id = $1", [
    job.build.id,
  ])
}

// oxlint-disable-next-line typescript/no-explicit-any -- as above
export async function failJob(world: World, job: any, error: string) {
  expect((await daemonCall(world.provisioner, `jobs/${job.job_id}/fail`, { error })).status).toBe(
    204,
  )
}

/** The daemon takes one job and ends it well. Returns the job. */
export async function runJob(world: World, now: Date) {
  const job = await takeJob(world, now)
  if (job !== null) await completeJob(world, job)
  return job
}

// oxlint-disable-next-line typescript/no-explicit-any -- as above
export const tokenOf = (job: any): string => String(Object.values(job.build.agent_tokens)[0])

export const claim = (world: World, body: Record<string, unknown> = {}) =>
  api(`/api/v2/users/me/workspaces`, {
    token: world.owner.token,
    body: {
      name: `w-${crypto.randomUUID().slice(0, 8)}`,
      template_id: world.template.id,
      template_version_preset_id: world.presetId,
      ...body,
    },
  })
