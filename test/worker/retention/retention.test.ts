// Retention: rows past their period are deleted in bounded rounds; younger or needed rows stay.
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { retentionMs, type Retained } from "../../../src/retention/periods.ts"
import { retentionSweep } from "../../../src/retention/sweep.ts"
import { connect } from "../../../src/platform/db/client.ts"
import { givenKey, givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, epoch, query } from "../harness.ts"
import { insertRow, sha256, unique } from "../rows.ts"

const run = (now: Date) =>
  retentionSweep.run({
    env,
    db: connect(env.DATABASE_URL),
    now,
    startedAt: now,
    source: "cron",
    made: [],
    waitUntil: () => undefined,
  })

/** Just past its period, and just within. */
const ages = (kind: Retained) => [
  afterEpoch(-retentionMs[kind] - 1),
  afterEpoch(-retentionMs[kind]),
]

test("each kind of row is deleted after its period, and not a millisecond before", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template)
  const agent = await givenAgent(workspace, workspace.build)
  const { daemonId, keyId } = await givenProvisioner()
  await query(
    "insert into rollup_marks values ('usage', $1, null) on conflict (name) do update set through_at = $1",
    [epoch],
  )
  const base = { user_id: user.id, workspace_id: workspace.id, agent_id: agent.id }
  const insert: Partial<Record<Retained, (at: Date) => Promise<unknown>>> = {
    provisioner_job_logs: (created_at) =>
      insertRow("provisioner_job_logs", {
        job_id: workspace.build.jobId,
        created_at,
        source: "provisioner",
        level: "info",
        stage: "",
        output: "",
      }),
    provisioner_job_timings: (at) =>
      insertRow("provisioner_job_timings", {
        job_id: workspace.build.jobId,
        started_at: at,
        ended_at: at,
        stage: "apply",
      }),
    workspace_agent_logs: (created_at) =>
      insertRow("workspace_agent_logs", {
        agent_id: agent.id,
        log_source_id: agent.id,
        created_at,
        level: "info",
        output: "",
      }),
    workspace_agent_stats: (created_at) =>
      insertRow("workspace_agent_stats", { ...base, created_at, template_id: template.id }),
    workspace_app_stats: (at) =>
      insertRow("workspace_app_stats", {
        ...base,
        session_id: crypto.randomUUID(),
        access_method: "path",
        slug_or_port: "x",
        session_started_at: at,
        session_ended_at: at,
        requests: 1,
      }),
    template_usage_stats: (start_time) =>
      insertRow("template_usage_stats", { start_time, template_id: template.id, user_id: user.id }),
    audit_logs: (time) =>
      insertRow("audit_logs", {
        id: crypto.randomUUID(),
        time,
        request_id: "r",
        resource_type: "user",
        resource_id: user.id,
        resource_target: "x",
        action: "write",
        status_code: 200,
      }),
    notification_messages: (created_at) =>
      insertRow("notification_messages", {
        id: crypto.randomUUID(),
        idempotency_key: unique(20),
        template_id: crypto.randomUUID(),
        user_id: user.id,
        labels: {},
        targets: [],
        created_by: "test",
        status: "failed",
        next_attempt_at: created_at,
        created_at,
      }),
    inbox_notifications: (created_at) =>
      insertRow("inbox_notifications", {
        id: crypto.randomUUID(),
        user_id: user.id,
        template_id: crypto.randomUUID(),
        targets: [],
        title: "",
        content: "",
        created_at,
      }),
    lifecycle_ticks: (tick_at) => insertRow("lifecycle_ticks", { tick_at, started_at: tick_at }),
    api_keys: (expires_at) => givenKey(user.id, { expires_at }),
    provisioner_daemons: (last_seen_at) =>
      insertRow("provisioner_daemons", {
        id: crypto.randomUUID(),
        organization_id: user.organizationId,
        key_id: keyId,
        name: unique(10),
        provisioners: ["terraform"],
        tags: {},
        created_at: last_seen_at,
        last_seen_at,
      }),
  }
  const before: Record<string, number> = {}
  for (const [kind, add] of Object.entries(insert) as [
    Retained,
    (at: Date) => Promise<unknown>,
  ][]) {
    before[kind] = await countOf(kind)
    for (const age of ages(kind)) await add(age)
  }

  const counts = await run(epoch)

  for (const kind of Object.keys(insert)) {
    expect([kind, counts[kind]]).toEqual([kind, 1])
    expect([kind, await countOf(kind)]).toEqual([kind, (before[kind] ?? 0) + 1])
  }
  expect(await run(epoch)).toEqual({})
  expect((await query("select id from provisioner_daemons where id = $1", [daemonId])).length).toBe(
    1,
  )
})

test("old statistics stay until they are rolled up, and pending notifications stay", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  await query("update rollup_marks set through_at = $1 where name = 'usage'", [
    afterEpoch(-30 * 86_400_000),
  ])
  await insertRow("workspace_agent_stats", {
    user_id: user.id,
    workspace_id: user.id,
    agent_id: user.id,
    template_id: template.id,
    created_at: afterEpoch(-10 * 86_400_000),
  })
  await insertRow("notification_messages", {
    id: crypto.randomUUID(),
    idempotency_key: unique(20),
    template_id: crypto.randomUUID(),
    user_id: user.id,
    labels: {},
    targets: [],
    created_by: "test",
    next_attempt_at: epoch,
    created_at: afterEpoch(-100 * 86_400_000),
  })
  expect(await run(epoch)).toEqual({})
})

test("old states are dropped, except the one that the next build starts from", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), { build: null })
  const old = afterEpoch(-retentionMs.provisioner_state - 1)
  const columns = { provisioner_state: await sha256("state") }
  const builds = []
  for (const transition of ["start", "stop", "start"] as const)
    builds.push(await givenBuild(workspace, { transition, at: old, columns }))
  const failed = await givenBuild(workspace, { status: "failed", at: old })
  expect(await run(epoch)).toEqual({ provisioner_state: 2 })
  const rows = await query(
    "select id, provisioner_state is not null as has from workspace_builds where workspace_id = $1 order by build_number",
    [workspace.id],
  )
  expect(rows.map(({ has }) => has)).toEqual([false, false, true, false])
  expect(rows.at(-1)?.id).toBe(failed.id)
})

test("an unused upload is deleted after a week, its content if nobody shares it", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const [lonely, shared] = [unique(32), unique(32)]
  const old = afterEpoch(-retentionMs.files - 1)
  const upload = (hash: string, created_by: string, created_at: Date) =>
    insertRow("files", {
      id: crypto.randomUUID(),
      hash,
      mimetype: "application/x-tar",
      size_bytes: 1,
      created_by,
      created_at,
    })
  await upload(lonely, user.id, old)
  await upload(shared, user.id, old)
  await upload(shared, (await givenUser()).id, epoch)
  for (const hash of [lonely, shared]) await env.FILES.put(hash, "x")

  const minute = new Date(epoch.getTime() + 17 * 60_000)
  expect((await run(minute))["files"]).toBe(2)
  expect(await env.FILES.head(lonely)).toBeNull()
  expect(await env.FILES.head(shared)).not.toBeNull()
  expect(await query("select id from files where id = $1", [template.version.fileId])).toHaveLength(
    1,
  )
})

async function countOf(table: string): Promise<number> {
  const [row] = await query(`select count(*)::int as n from ${table}`)
  return row.n
}
