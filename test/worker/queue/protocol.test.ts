// The provisioner protocol from end to end: a daemon registers, takes a job, reports, and ends it.
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { agentTokenSubject, decryptToken } from "../../../src/access/token-cipher.ts"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenBuild } from "../given-workspaces.ts"
import { afterEpoch, at, epoch, query, queryWithoutTriggers } from "../harness.ts"
import { daemonCall, givenQueue, jobRow } from "./given-jobs.ts"

beforeEach(() => at(epoch))

describe("a build", () => {
  test("is acquired once, updated, completed, and shown with what it made", async () => {
    const { owner, provisioner, build, workspace, template } = await givenQueue()
    await query("update workspaces set ttl_ms = 3600000 where id = $1", [workspace.id])
    const taken = await daemonCall(provisioner, "acquire")
    expect(taken.status).toBe(200)
    expect(taken.body).toMatchObject({
      job_id: build.jobId,
      type: "workspace_build",
      template: { id: template.id, name: template.name },
      initiator: { username: owner.username },
      build: { id: build.id, number: 1, transition: "start", stage: "regular", state: null },
    })
    expect((await daemonCall(provisioner, "acquire")).status).toBe(204)

    const logs = [
      { created_at: epoch.toISOString(), level: "info", stage: "Starting", output: "hello" },
    ]
    const updated = await daemonCall(provisioner, `jobs/${build.jobId}/update`, { logs })
    expect(updated.body).toEqual({ canceled: false })

    at(afterEpoch(5_000))
    const token = crypto.randomUUID()
    const done = await daemonCall(provisioner, `jobs/${build.jobId}/complete`, {
      type: "workspace_build",
      state: btoa("the state"),
      resources: [
        {
          type: "compute",
          name: "vm",
          daily_cost: 3,
          metadata: [{ key: "ip", value: "10.0.0.1" }],
          agents: [
            {
              name: "main",
              os: "linux",
              arch: "amd64",
              token,
              env: { A: "1" },
              apps: [
                {
                  slug: "code",
                  url: "http://localhost:1",
                  healthcheck: { url: "http://localhost:1", interval: 5, threshold: 3 },
                },
              ],
              scripts: [
                {
                  script: "echo",
                  run_on_start: true,
                  start_blocks_login: true,
                  timeout_seconds: 2,
                },
              ],
              metadata: [{ key: "cpu", script: "uptime", interval_seconds: 5 }],
            },
          ],
        },
      ],
      timings: [
        {
          started_at: epoch.toISOString(),
          ended_at: afterEpoch(1_000).toISOString(),
          stage: "apply",
        },
        { started_at: "never", ended_at: "either", stage: "apply" },
      ],
    })
    expect([done.status, done.text]).toEqual([204, ""])

    const [row] = await query(
      "select deadline, daily_cost, has_external_agent, convert_from(provisioner_state, 'utf8') as state from workspace_builds where id = $1",
      [build.id],
    )
    expect(row).toEqual({
      deadline: afterEpoch(3_605_000),
      daily_cost: 3,
      has_external_agent: false,
      state: "the state",
    })
    expect(
      await query("select stage from provisioner_job_timings where job_id = $1", [build.jobId]),
    ).toHaveLength(1)
    const [agent] = await query(
      "select authenticate_agent(sha256(convert_to($1, 'utf8'))) as actor",
      [token],
    )
    expect(agent.actor.workspace_id).toBe(workspace.id)
    const audits = await query(
      "select action, status_code from audit_logs where resource_id = $1",
      [build.id],
    )
    expect(audits).toEqual([{ action: "start", status_code: 200 }])
    expect((await jobRow(build.jobId)).job_status).toBe("succeeded")
  })

  test("a second completion, a late failure and another daemon are refused", async () => {
    const { provisioner, build, organization } = await givenQueue()
    const stranger = await givenProvisioner({ organization })
    await daemonCall(provisioner, "acquire")
    const complete = { type: "workspace_build", resources: [] }
    expect((await daemonCall(stranger, `jobs/${build.jobId}/complete`, complete)).status).toBe(403)
    expect(
      (await daemonCall(provisioner, `jobs/${crypto.randomUUID()}/complete`, complete)).status,
    ).toBe(404)
    expect(
      (
        await daemonCall(provisioner, `jobs/${build.jobId}/complete`, {
          type: "template_version_import",
          plan: {},
        })
      ).status,
    ).toBe(400)
    expect((await daemonCall(provisioner, `jobs/${build.jobId}/complete`, complete)).status).toBe(
      204,
    )
    expect((await daemonCall(provisioner, `jobs/${build.jobId}/complete`, complete)).status).toBe(
      409,
    )
    expect(
      (await daemonCall(provisioner, `jobs/${build.jobId}/fail`, { error: "late" })).status,
    ).toBe(409)
    expect((await daemonCall(provisioner, `jobs/${build.jobId}/update`, {})).status).toBe(409)
    expect((await jobRow(build.jobId)).error).toBeNull()
  })

  test("a failure keeps its state and notifies the template admins", async () => {
    const { provisioner, build, organization, owner } = await givenQueue()
    const admin = await givenUser({ organization, roles: ["template-admin"] })
    await givenUser({ roles: ["template-admin"] })
    await daemonCall(provisioner, "acquire")
    const failed = await daemonCall(provisioner, `jobs/${build.jobId}/fail`, {
      error: "no \0 quota",
      state: btoa("half"),
    })
    expect(failed.status).toBe(204)
    expect(await jobRow(build.jobId)).toMatchObject({ job_status: "failed", error: "no  quota" })
    const told = await query("select user_id from notification_messages where user_id = any($1)", [
      [admin.id, owner.id],
    ])
    expect(told).toEqual([{ user_id: admin.id }])
    const [row] = await query("select provisioner_state from workspace_builds where id = $1", [
      build.id,
    ])
    expect(row.provisioner_state).not.toBeNull()
  })

  test("a job ends as canceled only if it was canceled and the daemon obeyed", async () => {
    const { provisioner, build, workspace, organization } = await givenQueue()
    const admin = await givenUser({ organization, roles: ["template-admin"] })
    await daemonCall(provisioner, "acquire")
    await query("update provisioner_jobs set canceled_at = $2 where id = $1", [build.jobId, epoch])
    expect((await daemonCall(provisioner, `jobs/${build.jobId}/update`, {})).body).toEqual({
      canceled: true,
    })
    await daemonCall(provisioner, `jobs/${build.jobId}/fail`, {
      error: "interrupted",
      canceled: true,
    })
    expect(await jobRow(build.jobId)).toMatchObject({ job_status: "canceled", error: null })
    expect(
      await query("select 1 from notification_messages where user_id = $1", [admin.id]),
    ).toEqual([])
    const next = await givenBuild(workspace, { status: "pending" })
    await daemonCall(provisioner, "acquire")
    await daemonCall(provisioner, `jobs/${next.jobId}/fail`, {
      error: "interrupted",
      canceled: true,
    })
    expect(await jobRow(next.jobId)).toMatchObject({ job_status: "failed", error: "interrupted" })
  })

  test("an external agent's token is shown again, and is the same after a restart", async () => {
    const { provisioner, build, template, workspace } = await givenQueue()
    const resource = crypto.randomUUID()
    await query("update template_versions set has_external_agent = true where id = $1", [
      template.version.id,
    ])
    await query(
      "insert into workspace_resources (id, job_id, transition, type, name, created_at) values ($1, $2, 'start', 'coder_external_agent', 'x', $3)",
      [resource, template.version.jobId, epoch],
    )
    await query(
      "insert into workspace_agents (id, resource_id, name, created_at, updated_at) values (gen_random_uuid(), $1, 'main', $2, $2)",
      [resource, epoch],
    )
    const complete = {
      type: "workspace_build",
      resources: [{ type: "coder_external_agent", name: "x", agents: [{ name: "main" }] }],
    }
    const start = async (jobId: string) => {
      const taken = await daemonCall(provisioner, "acquire")
      expect((await daemonCall(provisioner, `jobs/${jobId}/complete`, complete)).status).toBe(204)
      return taken.body.build.agent_tokens.main
    }
    const token = await start(build.jobId)
    const [agent] = await query(
      "select encrypted_token from workspace_agents where build_id = $1",
      [build.id],
    )
    expect(agent.encrypted_token).not.toContain(token)
    const subject = agentTokenSubject(workspace.id, "main")
    expect(await decryptToken(env.TOKEN_KEYS, subject, agent.encrypted_token)).toBe(token)
    // Also without a stop between: the old agent leaves the index on tokens before the new one
    // enters it.
    const again = await givenBuild(workspace, { status: "pending" })
    expect(await start(again.jobId)).toBe(token)
    const [found] = await query(
      "select authenticate_agent(sha256(convert_to($1, 'utf8'))) as actor",
      [token],
    )
    expect(found.actor.build_id).toBe(again.id)
    const [flag] = await query("select has_external_agent from workspace_builds where id = $1", [
      again.id,
    ])
    expect(flag.has_external_agent).toBe(true)
  })

  test("deadlines follow settings that change between reading and writing", async () => {
    const { provisioner, build, workspace } = await givenQueue()
    await query("update workspaces set ttl_ms = 3600000 where id = $1", [workspace.id])
    await daemonCall(provisioner, "acquire")
    const edits = Array.from({ length: 3 }, (_, n) =>
      query("update workspaces set ttl_ms = $2 where id = $1", [workspace.id, (n + 2) * 3_600_000]),
    )
    const [done] = await Promise.all([
      daemonCall(provisioner, `jobs/${build.jobId}/complete`, { type: "workspace_build" }),
      ...edits,
    ])
    expect([204, 503]).toContain(done.status)
    const [row] = await query(
      "select (extract(epoch from b.deadline - j.completed_at) * 1000)::int as ms from workspace_builds b join provisioner_jobs j on j.id = b.job_id where b.id = $1",
      [build.id],
    )
    if (done.status === 204)
      expect([1, 2, 3, 4].map((hours) => hours * 3_600_000)).toContain(row.ms)
  })

  test("a stop leaves no agents, and a delete no workspace", async () => {
    const { provisioner, build, workspace } = await givenQueue()
    const complete = {
      type: "workspace_build",
      resources: [{ type: "compute", name: "vm", agents: [{ name: "main" }] }],
    }
    await daemonCall(provisioner, "acquire")
    await daemonCall(provisioner, `jobs/${build.jobId}/complete`, complete)
    const live = () =>
      query("select name from workspace_agents where workspace_id = $1 and not deleted", [
        workspace.id,
      ])
    expect(await live()).toHaveLength(1)
    const stop = await givenBuild(workspace, { transition: "stop", status: "pending" })
    await daemonCall(provisioner, "acquire")
    expect(await live()).toHaveLength(1)
    await daemonCall(provisioner, `jobs/${stop.jobId}/complete`, complete)
    expect(await live()).toHaveLength(0)
    const last = await givenBuild(workspace, { transition: "delete", status: "pending" })
    await daemonCall(provisioner, "acquire")
    await daemonCall(provisioner, `jobs/${last.jobId}/complete`, { type: "workspace_build" })
    const [row] = await query("select deleted, check_at from workspaces where id = $1", [
      workspace.id,
    ])
    expect(row).toEqual({ deleted: true, check_at: null })
  })

  test("gives the plan's agents the tokens that they authenticate with", async () => {
    const { provisioner, build, template, workspace } = await givenQueue()
    const resource = crypto.randomUUID()
    await query(
      "insert into workspace_resources (id, job_id, transition, type, name, created_at) values ($1, $2, 'start', 'vm', 'vm', $3)",
      [resource, template.version.jobId, epoch],
    )
    await query(
      "insert into workspace_agents (id, resource_id, name, created_at, updated_at) values (gen_random_uuid(), $1, 'main', $2, $2)",
      [resource, epoch],
    )
    const taken = await daemonCall(provisioner, "acquire")
    const token = taken.body.build.agent_tokens.main
    expect(token).toMatch(/^[0-9a-f-]{36}$/)
    expect(JSON.stringify(await jobRow(build.jobId))).not.toContain(token)
    await daemonCall(provisioner, `jobs/${build.jobId}/complete`, {
      type: "workspace_build",
      resources: [{ type: "vm", name: "vm", agents: [{ name: "main" }] }],
    })
    const [agent] = await query(
      "select authenticate_agent(sha256(convert_to($1, 'utf8'))) as actor",
      [token],
    )
    expect(agent.actor.workspace_id).toBe(workspace.id)
    expect((await jobRow(build.jobId)).agent_tokens).toBeNull()
  })
})

describe("an import", () => {
  test("fills its version", async () => {
    const { provisioner, template } = await givenQueue()
    const jobId = template.version.jobId
    await queryWithoutTriggers(
      "update provisioner_jobs set completed_at = null, started_at = null, created_at = created_at - interval '1 hour' where id = $1",
      [jobId],
    )
    const taken = await daemonCall(provisioner, "acquire")
    expect(taken.body).toMatchObject({
      job_id: jobId,
      type: "template_version_import",
      import: { user_variable_values: [] },
    })
    const unusable = await daemonCall(provisioner, `jobs/${jobId}/complete`, {
      type: "template_version_import",
      plan: { parameters: [{ name: "region", default_value: "eu", validation_regex: "(" }] },
    })
    expect([unusable.status, unusable.body.message]).toEqual([
      400,
      'The pattern of the parameter "region" is not a regular expression.',
    ])
    const done = await daemonCall(provisioner, `jobs/${jobId}/complete`, {
      type: "template_version_import",
      readme: "# Hi",
      plan: {
        parameters: [
          { name: "region", default_value: "eu", options: [{ name: "Europe", value: "eu" }] },
        ],
        variables: [{ name: "image", default_value: "ubuntu" }],
        presets: [{ name: "small", parameters: { region: "eu" }, prebuilds: { instances: 2 } }],
        resources_start: [{ type: "vm", name: "vm", agents: [{ name: "main" }] }],
        resources_stop: [{ type: "disk", name: "home" }],
        tags: { zone: "a" },
      },
    })
    expect([done.status, done.text]).toEqual([204, ""])
    const [version] = await query(
      "select readme, has_external_agent from template_versions where id = $1",
      [template.version.id],
    )
    expect(version).toEqual({ readme: "# Hi", has_external_agent: false })
    const resources = await query(
      "select transition from workspace_resources where job_id = $1 order by 1",
      [jobId],
    )
    expect(resources).toEqual([{ transition: "start" }, { transition: "stop" }])
    expect((await jobRow(jobId)).tags).toEqual({ scope: "organization", owner: "", zone: "a" })
    const presets = await query(
      "select desired_instances from template_version_presets where template_version_id = $1",
      [template.version.id],
    )
    expect(presets).toEqual([{ desired_instances: 2 }])
  })

  test("fails when a required variable has no value", async () => {
    const { provisioner, template } = await givenQueue()
    const jobId = template.version.jobId
    await queryWithoutTriggers(
      "update provisioner_jobs set completed_at = null, started_at = null, created_at = created_at - interval '1 hour' where id = $1",
      [jobId],
    )
    await daemonCall(provisioner, "acquire")
    const done = await daemonCall(provisioner, `jobs/${jobId}/complete`, {
      type: "template_version_import",
      plan: { variables: [{ name: "key" }] },
    })
    expect(done.status).toBe(204)
    expect(await jobRow(jobId)).toMatchObject({
      job_status: "failed",
      error_code: "REQUIRED_TEMPLATE_VARIABLES",
    })
  })
})

test("a log ends with the notice at the first line that does not fit", async () => {
  const { provisioner, build } = await givenQueue()
  await daemonCall(provisioner, "acquire")
  const line = (output: string) => ({ created_at: epoch.toISOString(), output })
  const full = Array.from({ length: 1_022 }, () => line("x".repeat(1_024)))
  for (let sent = 0; sent < 3; sent++) {
    const logs =
      sent === 0
        ? full
        : [line("nul \0 and long ".repeat(200)), line("y".repeat(1_024)), line("z".repeat(1_024))]
    expect((await daemonCall(provisioner, `jobs/${build.jobId}/update`, { logs })).status).toBe(200)
  }
  const job = await jobRow(build.jobId)
  expect(job.logs_overflowed).toBe(true)
  expect(job.logs_length).toBeLessThanOrEqual(1_048_576)
  const logs = await query(
    "select level, output from provisioner_job_logs where job_id = $1 order by id",
    [build.jobId],
  )
  expect(logs).toHaveLength(1_024)
  expect(logs.at(-2).output).toHaveLength(1_024)
  expect(logs.at(-1)).toMatchObject({ level: "warn", output: expect.stringContaining("1 MiB") })
})

test("a daemon with a wrong clock completes its job without bad instants", async () => {
  const { provisioner, build } = await givenQueue()
  await daemonCall(provisioner, "acquire")
  const lines = [
    "0000-01-01T00:00:00Z",
    "2001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    epoch.toISOString(),
  ]
  const logs = lines.map((created_at) => ({ created_at, output: "x" }))
  expect((await daemonCall(provisioner, `jobs/${build.jobId}/update`, { logs })).status).toBe(200)
  const stored = await query("select created_at from provisioner_job_logs where job_id = $1", [
    build.jobId,
  ])
  expect(stored.map(({ created_at }) => new Date(created_at))).toEqual([epoch, epoch, epoch, epoch])
  const sound = { started_at: epoch.toISOString(), ended_at: epoch.toISOString(), stage: "apply" }
  const timings = [
    sound,
    { ...sound, started_at: "0000-01-01T00:00:00Z" },
    { ...sound, ended_at: "9999-12-31T00:00:00Z" },
    { ...sound, started_at: "soon" },
  ]
  const done = await daemonCall(provisioner, `jobs/${build.jobId}/complete`, {
    type: "workspace_build",
    timings,
  })
  expect(done.status).toBe(204)
  const kept = await query("select stage from provisioner_job_timings where job_id = $1", [
    build.jobId,
  ])
  expect(kept).toEqual([{ stage: "apply" }])
})

test("four MiB of state are stored and reach the next build", async () => {
  const { provisioner, build, workspace } = await givenQueue()
  await daemonCall(provisioner, "acquire")
  const state = Buffer.alloc(4 * 1024 * 1024, 7).toString("base64")
  const done = await daemonCall(provisioner, `jobs/${build.jobId}/complete`, {
    type: "workspace_build",
    state,
  })
  expect(done.status).toBe(204)
  const [kept] = await query(
    "select octet_length(provisioner_state) as n from workspace_builds where workspace_id = $1",
    [workspace.id],
  )
  expect(kept.n).toBe(4 * 1024 * 1024)
})

test("only the daemon that holds a job can fetch its archive, named by content", async () => {
  const { provisioner, build, organization, template } = await givenQueue()
  const stranger = await givenProvisioner({ organization })
  const taken = await daemonCall(provisioner, "acquire")
  const [file] = await query("select hash from files where id = $1", [template.version.fileId])
  expect(taken.body).toMatchObject({ file_id: template.version.fileId, file_hash: file.hash })
  await env.FILES.put(file.hash, "tar bytes")
  await query("update files set size_bytes = 9 where hash = $1", [file.hash])
  expect((await daemonCall(provisioner, `jobs/${build.jobId}/file`, undefined, "GET")).text).toBe(
    "tar bytes",
  )
  expect((await daemonCall(stranger, `jobs/${build.jobId}/file`, undefined, "GET")).status).toBe(
    403,
  )
})
