// Jobs of both engines: what a daemon is given for them, and what its report says of the engine.
import { beforeEach, describe, expect, test } from "vitest"
import { givenOrganization, givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { api, at, epoch, query } from "../harness.ts"
import { daemonCall } from "./given-jobs.ts"

beforeEach(() => at(epoch))

const agent = { name: "main", os: "linux", arch: "amd64" }
const machine = { type: "docker_container", name: "workspace", agents: [agent] }

async function givenEngineRoom() {
  const organization = await givenOrganization()
  const owner = await givenUser({ roles: ["owner"], organization })
  const provisioner = await givenProvisioner({ organization })
  const upload = await api("/api/v2/files", {
    token: owner.token,
    body: new TextEncoder().encode(crypto.randomUUID()),
    headers: { "Content-Type": "application/x-tar" },
  })
  return { organization, owner, provisioner, fileId: upload.body.hash as string }
}
type Room = Awaited<ReturnType<typeof givenEngineRoom>>

async function push(room: Room, variables: { name: string; value: string }[] = []) {
  const path = `/api/v2/organizations/${room.organization.id}/templateversions`
  const { body } = await api(path, {
    token: room.owner.token,
    body: {
      storage_method: "file",
      file_id: room.fileId,
      provisioner: "terraform",
      user_variable_values: variables,
    },
  })
  const { body: job } = await daemonCall(room.provisioner, "acquire")
  return { version: body, job }
}

async function imported(room: Room, engine: "script" | "terraform", plan: object = {}) {
  const { version, job } = await push(room, [{ name: "region", value: "eu" }])
  const report = { resources_start: [machine], resources_stop: [], ...plan }
  const ended = await daemonCall(room.provisioner, `jobs/${job.job_id}/complete`, {
    type: "template_version_import",
    engine,
    plan: report,
  })
  expect(ended.status).toBe(204)
  const template = await api(`/api/v2/organizations/${room.organization.id}/templates`, {
    token: room.owner.token,
    body: { name: `t-${crypto.randomUUID().slice(0, 8)}`, template_version_id: version.id },
  })
  expect(template.status).toBe(201)
  return { version, template: template.body }
}

const readVersion = (owner: GivenUser, id: string, path = "") =>
  api(`/api/v2/templateversions/${id}${path}`, { token: owner.token })

describe("an import", () => {
  test("is given the facts of the person who uploaded it", async () => {
    const room = await givenEngineRoom()
    const [group] = await query<{ id: string }>(
      `insert into groups (id, organization_id, name, created_at)
        values (gen_random_uuid(), $1, 'crew', $2) returning id`,
      [room.organization.id, epoch],
    )
    await query("insert into group_members (group_id, user_id) values ($1, $2)", [
      group?.id,
      room.owner.id,
    ])
    const { job } = await push(room)
    expect(job).toMatchObject({
      type: "template_version_import",
      access_url: "https://dormouse.test",
      owner: {
        id: room.owner.id,
        username: room.owner.username,
        login_type: "password",
        groups: ["crew"],
        roles: expect.arrayContaining([{ name: "owner", org_id: "" }]),
      },
    })
    expect(job.owner.ssh_key).toBeUndefined()
  })

  test("records its engine and its timings", async () => {
    const room = await givenEngineRoom()
    const { version, job } = await push(room)
    expect((await readVersion(room.owner, version.id)).body.job.engine).toBeUndefined()
    const instant = new Date(epoch).toISOString()
    await daemonCall(room.provisioner, `jobs/${job.job_id}/complete`, {
      type: "template_version_import",
      engine: "terraform",
      plan: { resources_start: [machine] },
      timings: [{ stage: "plan", source: "terraform", started_at: instant, ended_at: instant }],
    })
    expect((await readVersion(room.owner, version.id)).body.job).toMatchObject({
      status: "succeeded",
      engine: "terraform",
    })
    expect(
      await query("select stage, source from provisioner_job_timings where job_id = $1", [
        job.job_id,
      ]),
    ).toEqual([{ stage: "plan", source: "terraform" }])
  })

  test("leaves its variables when it fails for want of their values", async () => {
    const room = await givenEngineRoom()
    const { version, job } = await push(room, [{ name: "zone", value: "a" }])
    const failed = await daemonCall(room.provisioner, `jobs/${job.job_id}/fail`, {
      error: "The template needs values for the variables: key",
      error_code: "REQUIRED_TEMPLATE_VARIABLES",
      engine: "terraform",
      variables: [
        { name: "key", required: true, sensitive: true },
        { name: "zone", default_value: "b" },
      ],
    })
    expect(failed.status).toBe(204)
    expect((await readVersion(room.owner, version.id)).body.job).toMatchObject({
      status: "failed",
      error_code: "REQUIRED_TEMPLATE_VARIABLES",
      engine: "terraform",
    })
    expect((await readVersion(room.owner, version.id, "/variables")).body).toMatchObject([
      { name: "key", required: true, sensitive: true },
      { name: "zone", value: "a", default_value: "b", required: false },
    ])
  })

  test.each([
    ["script", "failed"],
    ["terraform", "succeeded"],
  ] as const)(
    "of %s with a required variable that nobody set has %s: files of an archive may set it",
    async (engine, status) => {
      const room = await givenEngineRoom()
      const { version, job } = await push(room)
      await daemonCall(room.provisioner, `jobs/${job.job_id}/complete`, {
        type: "template_version_import",
        engine,
        plan: { resources_start: [machine], variables: [{ name: "key", required: true }] },
      })
      expect((await readVersion(room.owner, version.id)).body.job.status).toBe(status)
    },
  )

  test("serves its log after it has ended", async () => {
    const room = await givenEngineRoom()
    const { version, job } = await push(room)
    await daemonCall(room.provisioner, `jobs/${job.job_id}/update`, {
      logs: [
        { created_at: new Date(epoch).toISOString(), stage: "Planning a start", output: "one" },
      ],
    })
    await daemonCall(room.provisioner, `jobs/${job.job_id}/fail`, { error: "no" })
    expect((await readVersion(room.owner, version.id, "/logs")).body).toMatchObject([
      { stage: "Planning a start", output: "one" },
    ])
  })
})

describe("a build", () => {
  test("has the engine of its version, and lists the variables that somebody set", async () => {
    const room = await givenEngineRoom()
    const variables = [
      { name: "region", default_value: "us" },
      { name: "size", default_value: "small" },
    ]
    const { template } = await imported(room, "terraform", { variables })
    const made = await api("/api/v2/users/me/workspaces", {
      token: room.owner.token,
      body: { name: "atlas", template_id: template.id },
    })
    expect(made.body.latest_build.job.engine).toBe("terraform")
    const { body: job } = await daemonCall(room.provisioner, "acquire")
    expect(job.build.variables).toEqual([
      { name: "region", value: "eu", sensitive: false, given: true },
      { name: "size", value: "small", sensitive: false, given: false },
    ])
    expect(job.build.allows_data_loss).toBe(false)
    expect(job.owner).toMatchObject({
      id: room.owner.id,
      ssh_key: { public: expect.stringMatching(/^ssh-ed25519 /) },
    })
  })

  test("says when the request confirmed the loss of data", async () => {
    const room = await givenEngineRoom()
    const { template } = await imported(room, "terraform")
    const { body: workspace } = await api("/api/v2/users/me/workspaces", {
      token: room.owner.token,
      body: { name: "atlas", template_id: template.id },
    })
    const { body: first } = await daemonCall(room.provisioner, "acquire")
    await daemonCall(room.provisioner, `jobs/${first.job_id}/complete`, {
      type: "workspace_build",
      engine: "terraform",
      resources: [machine],
    })
    const stopped = await api(`/api/v2/workspaces/${workspace.id}/builds`, {
      token: room.owner.token,
      body: { transition: "stop", allow_data_loss: true },
    })
    expect(stopped.status).toBe(201)
    const { body: second } = await daemonCall(room.provisioner, "acquire")
    expect(second.build).toMatchObject({ transition: "stop", allows_data_loss: true })
  })
})

describe("a dry run of a Terraform version", () => {
  const base = (id: string) => `/api/v2/templateversions/${id}/dry-run`

  test("is planned by a daemon with the given values", async () => {
    const room = await givenEngineRoom()
    const { version } = await imported(room, "terraform")
    const { token } = room.owner
    const values = [{ name: "size", value: "large" }]
    const begun = await api(base(version.id), {
      token,
      body: { workspace_name: "tried", rich_parameter_values: values },
    })
    expect(begun.body).toMatchObject({ status: "pending", engine: "terraform" })
    const run = `${base(version.id)}/${begun.body.id}`
    expect((await api(`${run}/matched-provisioners`, { token })).body).toMatchObject({ count: 1 })
    expect((await api(`${run}/resources`, { token })).status).toBe(400)

    const { body: job } = await daemonCall(room.provisioner, "acquire")
    expect(job).toMatchObject({
      job_id: begun.body.id,
      dry_run: { workspace_name: "tried", parameters: values, variables: [] },
    })
    await daemonCall(room.provisioner, `jobs/${job.job_id}/complete`, {
      type: "template_version_dry_run",
      engine: "terraform",
      resources: [machine],
    })
    expect((await api(run, { token })).body.status).toBe("succeeded")
    expect((await api(`${run}/resources`, { token })).body).toMatchObject([
      { type: "docker_container", agents: [{ name: "main" }] },
    ])
    expect((await api(`${run}/cancel`, { token, method: "PATCH" })).status).toBe(400)
    const other = await givenUser({ organization: room.organization })
    expect((await api(`${run}/resources`, { token: other.token })).status).toBe(404)
  })

  test("is canceled at once while no daemon has it, and only once", async () => {
    const room = await givenEngineRoom()
    const { version } = await imported(room, "terraform")
    const { token } = room.owner
    const begun = await api(base(version.id), { token, body: {} })
    const run = `${base(version.id)}/${begun.body.id}`
    expect((await api(`${run}/cancel`, { token, method: "PATCH" })).status).toBe(200)
    expect((await api(run, { token })).body.status).toBe("canceled")
    expect((await api(`${run}/cancel`, { token, method: "PATCH" })).status).toBe(400)
  })

  test("of a version of scripts ends as it begins", async () => {
    const room = await givenEngineRoom()
    const { version } = await imported(room, "script")
    const begun = await api(base(version.id), { token: room.owner.token, body: {} })
    expect(begun.body).toMatchObject({ status: "succeeded", engine: "script" })
  })
})
