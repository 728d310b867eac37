// Retention of history: old builds with all that they left, and what is looked for once an hour.
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { connect } from "../../../src/platform/db/client.ts"
import { retentionMs, type Retained } from "../../../src/retention/periods.ts"
import { retentionSweep } from "../../../src/retention/sweep.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { givenAgent, givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, epoch, query, queryWithoutTriggers } from "../harness.ts"
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

beforeEach(async () => void (await run(hourly)))

const minuteMs = 60_000
/** The minute of the hour at which the rare things go. */
const hourly = afterEpoch(17 * minuteMs)
const past = (kind: Retained, now = epoch) => new Date(now.getTime() - retentionMs[kind] - 1)
const within = (kind: Retained, now = epoch) => new Date(now.getTime() - retentionMs[kind])

const idsOf = async (table: string, column: string, id: string) =>
  (await query(`select id from ${table} where ${column} = $1 order by 1`, [id])).map(
    (row) => row.id,
  )

test("an old build is deleted with everything of its job; the latest stays", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const workspace = await givenWorkspace(user, template, {
    build: { at: past("provisioner_jobs") },
  })
  const agent = await givenAgent(workspace, workspace.build)
  await insertRow("workspace_build_parameters", {
    workspace_build_id: workspace.build.id,
    name: "size",
    value: "1",
  })
  const young = await givenBuild(workspace, { transition: "stop", at: within("provisioner_jobs") })
  const latest = await givenBuild(workspace, { at: past("provisioner_jobs") })
  const neighbour = await givenWorkspace(user, template, {
    build: { at: past("provisioner_jobs") },
  })

  expect(await run(epoch)).toEqual({ provisioner_jobs: 1 })

  expect(await idsOf("workspace_builds", "workspace_id", workspace.id)).toEqual(
    [young.id, latest.id].toSorted(),
  )
  expect(await idsOf("provisioner_jobs", "id", workspace.build.jobId)).toEqual([])
  expect(await idsOf("workspace_agents", "id", agent.id)).toEqual([])
  expect(await idsOf("workspace_builds", "workspace_id", neighbour.id)).toEqual([
    neighbour.build.id,
  ])
  expect(await run(epoch)).toEqual({})
})

test("an old build stays if it has the newest state or has not ended", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), { build: null })
  const at = past("provisioner_jobs")
  const columns = { provisioner_state: await sha256("state") }
  const stateful = await givenBuild(workspace, { at, columns })
  const waiting = await givenBuild(workspace, { at })
  const latest = await givenBuild(workspace, { at, status: "failed" })
  await queryWithoutTriggers("update provisioner_jobs set completed_at = null where id = $1", [
    waiting.jobId,
  ])
  expect(await run(epoch)).toEqual({})
  expect(await idsOf("workspace_builds", "workspace_id", workspace.id)).toEqual(
    [stateful.id, waiting.id, latest.id].toSorted(),
  )
})

test("a deleted workspace is removed with the last of its builds", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const at = past("provisioner_jobs")
  const gone = await givenWorkspace(user, template, { columns: { deleted: true }, build: { at } })
  await givenBuild(gone, { transition: "delete", at })
  const half = await givenWorkspace(user, template, { columns: { deleted: true }, build: { at } })
  const end = await givenBuild(half, { transition: "delete", at: within("provisioner_jobs") })
  await Promise.all([run(epoch), run(epoch)])
  expect(await idsOf("workspaces", "id", gone.id)).toEqual([])
  expect(await idsOf("workspaces", "id", half.id)).toEqual([half.id])
  expect(await idsOf("workspace_builds", "workspace_id", half.id)).toEqual([end.id])
})

test("a version without a template is deleted after a month, with its import", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const columns = { created_at: past("template_versions", hourly) }
  const unused = await givenVersion(user, { status: "failed", columns })
  const importing = await givenVersion(user, { status: "running", columns })
  const taken = await givenVersion(user, { columns: { ...columns, template_id: template.id } })
  const young = await givenVersion(user, {
    columns: { created_at: within("template_versions", hourly) },
  })
  expect(await run(hourly)).toEqual({ template_versions: 1 })
  expect(await idsOf("template_versions", "id", unused.id)).toEqual([])
  expect(await idsOf("provisioner_jobs", "id", unused.jobId)).toEqual([])
  for (const { id } of [importing, taken, young]) {
    expect(await idsOf("template_versions", "id", id)).toEqual([id])
  }
})

test("an application's statuses are deleted after a month, except the newest", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user))
  const agent = await givenAgent(workspace, workspace.build)
  const app = await insertRow("workspace_apps", {
    id: crypto.randomUUID(),
    agent_id: agent.id,
    slug: "ai",
    created_at: epoch,
  })
  const say = (created_at: Date) =>
    insertRow("workspace_app_statuses", {
      id: crypto.randomUUID(),
      workspace_id: workspace.id,
      agent_id: agent.id,
      app_id: app.id,
      state: "working",
      created_at,
    })
  await say(new Date(past("workspace_app_statuses", hourly).getTime() - minuteMs))
  const newest = await say(past("workspace_app_statuses", hourly))
  expect(await run(hourly)).toEqual({ workspace_app_statuses: 1 })
  expect(await idsOf("workspace_app_statuses", "app_id", app.id)).toEqual([newest.id])
})

test("the last of a person's old status changes stays", async () => {
  const { id } = await givenUser({ columns: { created_at: afterEpoch(-400 * 1440 * minuteMs) } })
  const change = (status: string, at: Date) =>
    query("update users set status = $2, updated_at = $3 where id = $1", [id, status, at])
  await change("suspended", new Date(past("user_status_changes", hourly).getTime() - minuteMs))
  await change("active", past("user_status_changes", hourly))
  await change("dormant", within("user_status_changes", hourly))
  expect(await run(hourly)).toEqual({ user_status_changes: 2 })
  const left = await query(
    "select new_status from user_status_changes where user_id = $1 order by changed_at",
    [id],
  )
  expect(left.map((row) => row.new_status)).toEqual(["active", "dormant"])
})

test("a metric that nothing added to for three months is deleted", async () => {
  await query(
    `insert into metrics values ('dormouse_builds_total', '{"reason": "old"}', 1, $1),
    ('dormouse_builds_total', '{"reason": "young"}', 1, $2)`,
    [past("metrics", hourly), within("metrics", hourly)],
  )
  expect(await run(hourly)).toEqual({ metrics: 1 })
  expect(await query("select labels from metrics where name = 'dormouse_builds_total'")).toEqual([
    { labels: { reason: "young" } },
  ])
})

test("content that no upload names is deleted after a week", async () => {
  const user = await givenUser()
  const [stray, named] = [unique(32), unique(32)]
  await insertRow("files", {
    id: crypto.randomUUID(),
    hash: named,
    mimetype: "application/x-tar",
    size_bytes: 1,
    created_by: user.id,
    created_at: afterEpoch(400 * 1440 * minuteMs),
  })
  for (const name of [stray, named]) await env.FILES.put(name, "x")
  const storedAt = Math.max(
    ...(await env.FILES.list()).objects.map(({ uploaded }) => uploaded.getTime()),
  )
  const firstHour = (from: number) =>
    new Date(Math.ceil(from / (60 * minuteMs)) * 60 * minuteMs + 17 * minuteMs)
  await run(firstHour(storedAt))
  expect(await env.FILES.head(stray)).not.toBeNull()
  await run(firstHour(storedAt + retentionMs.files))
  expect(await env.FILES.head(stray)).toBeNull()
  expect(await env.FILES.head(named)).not.toBeNull()
})
