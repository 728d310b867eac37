// Provisioner keys: who may create them, what they are audited as, and what a key may touch.
import { beforeEach, describe, expect, test } from "vitest"
import { givenOrganization, givenProvisioner, givenUser } from "../given-people.ts"
import { givenBuild } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"
import { daemonCall, givenQueue, jobRow } from "./given-jobs.ts"
import { untagged } from "./listening.ts"

beforeEach(() => at(epoch))

describe("keys", () => {
  test("a key is made, listed without its secret, and revoked with its daemons", async () => {
    const organization = await givenOrganization()
    const { token } = await givenUser({ roles: ["owner"], organization })
    const path = `/api/v2/organizations/${organization.name}/provisionerkeys`
    const made = await api(path, { token, body: { name: "east", tags: { zone: "a" } } })
    expect(made.status).toBe(201)
    const headers = { "Coder-Provisioner-Daemon-Key": made.body.key }
    const body = { name: "daemon-1", provisioners: ["terraform"] }
    const daemon = await api("/api/v2/provisionerdaemons", { body, headers })
    expect(daemon.status).toBe(201)
    expect(daemon.body.tags).toEqual({ scope: "organization", owner: "", zone: "a" })
    const again = await api("/api/v2/provisionerdaemons", { body, headers })
    expect(again.body.id).toBe(daemon.body.id)

    const listed = await api(path, { token })
    expect(listed.body).toMatchObject([{ name: "east", organization: organization.id }])
    expect(listed.text).not.toContain(made.body.key)
    expect((await api(path, { token, body: { name: "EAST" } })).status).toBe(409)

    expect((await api(`${path}/east`, { method: "DELETE", token })).status).toBe(204)
    expect((await api(`${path}/east`, { method: "DELETE", token })).status).toBe(404)
    const refused = await api(`/api/v2/provisionerdaemons/${daemon.body.id}/acquire`, {
      method: "POST",
      headers,
    })
    expect(refused.status).toBe(401)
  })

  test("reject a daemon that sends tags beside those of its key", async () => {
    const { key } = await givenProvisioner({
      tags: { scope: "organization", owner: "", zone: "a" },
    })
    const answer = await api("/api/v2/provisionerdaemons", {
      body: { name: "d", provisioners: ["terraform"], tags: { zone: "b" } },
      headers: { "Coder-Provisioner-Daemon-Key": key },
    })
    expect(answer.status).toBe(400)
  })

  test("answer 401 without a key, and 403 to a member who creates one", async () => {
    expect(
      (
        await api("/api/v2/provisionerdaemons", {
          body: { name: "d", provisioners: ["terraform"] },
        })
      ).status,
    ).toBe(401)
    const organization = await givenOrganization()
    const { token } = await givenUser({ organization })
    const made = await api(`/api/v2/organizations/${organization.id}/provisionerkeys`, {
      token,
      body: { name: "x" },
    })
    expect([403, 404]).toContain(made.status)
  })
})

const register = (key: string, name: string) =>
  api("/api/v2/provisionerdaemons", {
    body: { name, provisioners: ["terraform"] },
    headers: { "Coder-Provisioner-Daemon-Key": key },
  })

describe("another key of the organization", () => {
  test("registers the same name as a daemon of its own", async () => {
    const organization = await givenOrganization()
    const [ours, theirs] = [
      await givenProvisioner({ organization, tags: { ...untagged, environment: "prod" } }),
      await givenProvisioner({ organization, tags: { ...untagged, environment: "dev" } }),
    ]
    const first = await register(ours.key, "builder")
    const second = await register(theirs.key, "builder")
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.body.id).not.toBe(first.body.id)
    expect((await register(ours.key, "builder")).body).toMatchObject({
      id: first.body.id,
      key_id: ours.keyId,
      tags: { environment: "prod" },
    })
  })

  test("neither reads nor ends a job that a daemon of the same name runs", async () => {
    const { organization, provisioner, build } = await givenQueue()
    const [{ name }] = await query("select name from provisioner_daemons where id = $1", [
      provisioner.daemonId,
    ])
    expect((await daemonCall(provisioner, "acquire")).body.job_id).toBe(build.jobId)
    const other = await givenProvisioner({ organization })
    const daemonId = (await register(other.key, name)).body.id as string
    const own = { ...other, daemonId }
    const taken = { ...other, daemonId: provisioner.daemonId }
    for (const [daemon, status] of [
      [own, 403],
      [taken, 404],
    ] as const) {
      const path = `jobs/${build.jobId}`
      const file = await daemonCall(daemon, `${path}/file`, undefined, "GET")
      const update = await daemonCall(daemon, `${path}/update`, {})
      const complete = await daemonCall(daemon, `${path}/complete`, { type: "workspace_build" })
      const fail = await daemonCall(daemon, `${path}/fail`, { error: "x" })
      expect([file, update, complete, fail].map((answer) => answer.status)).toEqual([
        status,
        status,
        status,
        status,
      ])
    }
    expect((await jobRow(build.jobId)).job_status).toBe("running")
    expect((await daemonCall(provisioner, `jobs/${build.jobId}/update`, {})).status).toBe(200)
  })
})

test("the jobs of a revoked key are reaped, and nobody else can end them", async () => {
  const { organization, provisioner, build, workspace } = await givenQueue()
  const { token } = await givenUser({ roles: ["owner"] })
  await daemonCall(provisioner, "acquire")
  const [key] = await query("select name from provisioner_keys where id = $1", [provisioner.keyId])
  const path = `/api/v2/organizations/${organization.id}/provisionerkeys/${key.name}`
  expect((await api(path, { method: "DELETE", token })).status).toBe(204)
  const complete = `jobs/${build.jobId}/complete`
  const late = await daemonCall(provisioner, complete, { type: "workspace_build" })
  expect(late.status).toBe(401)
  const other = await givenProvisioner({ organization })
  const foreign = await daemonCall(other, complete, { type: "workspace_build" })
  expect(foreign.status).toBe(403)
  await tick(afterEpoch(6 * 60_000))
  expect((await jobRow(build.jobId)).job_status).toBe("failed")
  const next = await givenBuild(workspace, { status: "pending" })
  expect((await daemonCall(other, "acquire")).body.job_id).toBe(next.jobId)
})

test("creating and deleting a key leaves an audit row each", async () => {
  const organization = await givenOrganization()
  const admin = await givenUser({ roles: ["owner"] })
  const path = `/api/v2/organizations/${organization.id}/provisionerkeys`
  const made = await api(path, { token: admin.token, body: { name: "audited" } })
  await api(`${path}/audited`, { method: "DELETE", token: admin.token })
  const rows = await query(
    `select user_id, action, resource_target, diff::text as diff from audit_logs
     where organization_id = $1 and resource_type = 'provisioner_key' order by action`,
    [organization.id],
  )
  expect(rows).toMatchObject([
    { user_id: admin.id, action: "create", resource_target: "audited" },
    { user_id: admin.id, action: "delete", resource_target: "audited" },
  ])
  expect(JSON.stringify(rows)).not.toContain(made.body.key)
})
