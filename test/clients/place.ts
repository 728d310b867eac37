// The place of the clients' flows: an organization, a person, and a provisioner that works.
//
// A flow makes everything else through the API, as a client would.
import { expect } from "vitest"
import { clientWith, type Client, type Door } from "./client.ts"

export type Place = {
  door: Door
  /** The system's clock. */
  now: Date
  organizationId: string
  user: { id: string; username: string; token: string }
  /** Its daemon, and the tags of jobs that no other takes. */
  daemon: { id: string; key: string }
  tags: Record<string, string>
}

/** A name that nothing has. */
export const newName = (start: string) => `${start}-${crypto.randomUUID().slice(0, 8)}`

export const clientOf = ({ door, user }: Place, headers: Record<string, string> = {}): Client =>
  clientWith(door, { "Coder-Session-Token": user.token, ...headers })

async function daemonCall({ door, daemon }: Place, path: string, body?: unknown) {
  const headers = { "Coder-Provisioner-Daemon-Key": daemon.key }
  return door.send("POST", `/api/v2/provisionerdaemons/${daemon.id}/${path}`, headers, body)
}

const lineOf = (stage: string, output: string) => ({
  created_at: "2026-03-04T09:00:00Z",
  source: "provisioner",
  level: "info",
  stage,
  output,
})

/** Takes the place's next job and ends it well: two lines of log, and an agent for a start. */
export async function provision(place: Place): Promise<{ agentToken: string | undefined }> {
  const { body: job } = await daemonCall(place, "acquire")
  const updated = await daemonCall(place, `jobs/${job.job_id}/update`, {
    logs: [lineOf("Running", "one"), lineOf("Running", "two")],
  })
  expect(updated.status).toBe(200)
  const agentToken = crypto.randomUUID()
  const isStart = job.build.transition === "start"
  const agents = [{ name: "main", os: "linux", arch: "amd64", token: agentToken }]
  const done = await daemonCall(place, `jobs/${job.job_id}/complete`, {
    type: "workspace_build",
    resources: isStart ? [{ type: "docker_container", name: "main", agents }] : [],
  })
  expect([done.status, done.text]).toEqual([204, ""])
  return { agentToken: isStart ? agentToken : undefined }
}

const archive = new TextEncoder().encode("an archive")

/** Uploads an archive, makes a version of it and follows its import to the end. */
export async function pushVersion(
  place: Place,
  client: Client,
  plan: Record<string, unknown>,
  templateId?: string,
): Promise<{ id: string; name: string }> {
  const headers = { "Coder-Session-Token": place.user.token, "Content-Type": "application/x-tar" }
  const file = await place.door.send("POST", "/api/v2/files", headers, archive)
  expect([200, 201]).toContain(file.status)
  const made = await client.post(`/organizations/${place.organizationId}/templateversions`, {
    ...(templateId !== undefined && { template_id: templateId }),
    storage_method: "file",
    file_id: file.body.hash,
    provisioner: "terraform",
    tags: place.tags,
    user_variable_values: [],
  })
  expect([made.job.status, typeof made.matched_provisioners.count]).toEqual(["pending", "number"])
  const following = client.watch(
    `/templateversions/${made.id}/logs?follow=true&after=0`,
    () => false,
  )
  const { body: job } = await daemonCall(place, "acquire")
  await daemonCall(place, `jobs/${job.job_id}/update`, { logs: [lineOf("Parsing", "read")] })
  const done = await daemonCall(place, `jobs/${job.job_id}/complete`, {
    type: "template_version_import",
    readme: "# Hello",
    plan,
  })
  expect([done.status, done.text]).toEqual([204, ""])
  const { frames, code } = await following
  expect([frames, code]).toMatchObject([[{ output: "read" }], 1000])
  const version = await client.get(`/templateversions/${made.id}`)
  expect(version).toMatchObject({
    id: made.id,
    job: { status: "succeeded" },
    organization_id: place.organizationId,
  })
  return version
}
