// The tick as a program: many at once, one that dies, one workspace that cannot be written, use
// that is still in a buffer.
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { connect } from "../../../src/platform/db/client.ts"
import { JobBoard } from "../../../src/index.ts"
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { runBatch } from "../../../src/lifecycle/tick/transition-statement.ts"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, at, api, epoch, query, tick } from "../harness.ts"

const minuteMs = 60_000
const due = { build: { columns: { deadline: afterEpoch(minuteMs) } } }
const now = afterEpoch(minuteMs)
const builds = (id: string) =>
  query(
    "select build_number, transition, reason from workspace_builds where workspace_id = $1 order by 1",
    [id],
  )

beforeEach(async () => {
  await query("delete from provisioner_daemons")
  await givenProvisioner({ columns: { last_seen_at: afterEpoch(48 * 60 * minuteMs) } })
})

test("ten ticks at once stop each workspace and notify each owner once", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user, {
    columns: { time_til_dormant_ms: 1, time_til_dormant_autodelete_ms: 1 },
  })
  const workspaces = []
  for (let n = 0; n < 12; n++) workspaces.push(await givenWorkspace(user, template, due))
  const dormantAt = afterEpoch(10 * minuteMs)
  await Promise.all(Array.from({ length: 10 }, () => tick(now)))
  for (const { id } of workspaces) {
    expect(await builds(id)).toEqual([
      { build_number: 1, transition: "start", reason: "initiator" },
      { build_number: 2, transition: "stop", reason: "autostop" },
    ])
  }
  await query(
    "update provisioner_jobs set completed_at = $1, started_at = $1 where completed_at is null",
    [now],
  )
  await Promise.all(Array.from({ length: 10 }, () => tick(dormantAt)))
  const [row] = await query(
    `select count(*)::int as notices, (select count(*)::int from workspaces where owner_id = $1
      and dormant_at = $2) as dormant,
       (select count(*)::int from audit_logs where user_id = $1) as audited
     from notification_messages where user_id = $1`,
    [user.id, dormantAt],
  )
  expect(row).toEqual({ notices: 12, dormant: 12, audited: 12 })
})

test("a tick of several batches stops each workspace once and notifies daemons once", async () => {
  const user = await givenUser()
  const posts = vi.spyOn(JobBoard.prototype, "notify")
  const template = await givenTemplate(user)
  const given = await givenWorkspace(user, template, due)
  // Copies of it: more than two batches, so that a round of two is followed by another.
  await query(
    `with n as (select gen_random_uuid() as id, gen_random_uuid() as build,
      gen_random_uuid() as job from generate_series(1, 2100)),
     j as (insert into provisioner_jobs (id, organization_id, initiator_id, type, file_id, input,
       tags, created_at, updated_at, started_at,
         completed_at)
       select n.job, organization_id, initiator_id, type, file_id, input, tags, created_at,
         updated_at, started_at, completed_at
       from n, provisioner_jobs where provisioner_jobs.id = $2),
     w as (insert into workspaces (id, owner_id, organization_id, template_id, name, created_at,
       updated_at)
       select n.id, owner_id, organization_id, template_id, 'w' || n.id, created_at, updated_at
       from n, workspaces where workspaces.id = $1)
     insert into workspace_builds (id, workspace_id, template_version_id, build_number, transition,
       initiator_id, job_id, deadline, created_at,
       updated_at)
     select n.build, n.id, template_version_id, 1, transition, initiator_id, n.job, deadline,
       created_at, updated_at
     from n, workspace_builds where job_id = $2`,
    [given.id, given.build.jobId],
  )
  await tick(now)
  const [row] = await query(
    `select count(*)::int as all, count(*) filter (where latest_build_number = 2
      and latest_transition = 'stop')::int as stopped,
       (select (counts ->> 'autostop')::int from lifecycle_ticks
         order by id desc limit 1) as counted
     from workspaces where owner_id = $1`,
    [user.id],
  )
  expect(row).toEqual({ all: 2101, stopped: 2101, counted: 2101 })
  // There is one set of tags, so its daemons are notified once of all jobs.
  expect(posts.mock.calls).toEqual([[2101]])
  posts.mockRestore()
})

test("after missed ticks, what is due now is done once", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), {
    columns: {
      autostart_schedule: "CRON_TZ=UTC 0 * * * *",
      next_start_at: afterEpoch(60 * minuteMs),
    },
    build: { transition: "stop" },
  })
  await tick(afterEpoch(20 * 60 * minuteMs))
  await tick(afterEpoch(20 * 60 * minuteMs))
  expect((await builds(workspace.id)).length).toBe(2)
})

test("a workspace that cannot be written does not stop the others", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const broken = await givenWorkspace(user, template, due)
  const fine = await givenWorkspace(user, template, due)
  await query(
    `create or replace function test_break() returns trigger language plpgsql as $$ begin
       if new.workspace_id = '${broken.id}' then raise exception 'broken'; end if;
         return new; end $$`,
  )
  await query(
    "create trigger test_break before insert on workspace_builds for each row execute function test_break()",
  )
  await tick(now)
  await query("drop trigger test_break on workspace_builds")
  expect((await builds(broken.id)).length).toBe(1)
  expect((await builds(fine.id)).length).toBe(2)
  await tick(afterEpoch(20 * minuteMs))
  expect((await builds(broken.id)).length).toBe(2)
})

test("a workspace that cannot be written is set aside alone", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push((await givenWorkspace(user, template, due)).id)
  const [, , broken] = ids
  // All are due by time, so that the batch has several of one kind.
  await query("update workspaces set check_at = $2 where id = any($1)", [ids, now])
  await query(
    `create or replace function test_break() returns trigger language plpgsql as $$ begin
       if new.workspace_id = '${broken}' then raise numeric_value_out_of_range; end if;
       return new; end $$`,
  )
  await query(
    `create trigger test_break before insert on workspace_builds
     for each row execute function test_break()`,
  )
  await tick(now)
  await query("drop trigger test_break on workspace_builds")
  for (const id of ids) expect([id, (await builds(id)).length]).toEqual([id, id === broken ? 1 : 2])
  const aside = await query("select id from workspaces where check_at = $1", [
    afterEpoch(16 * minuteMs),
  ])
  expect(aside).toEqual([{ id: broken }])
})

test("a next start that the database refuses does not hold back the others", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user)
  const open = {
    columns: { autostart_schedule: "CRON_TZ=UTC 0 10 * * *", next_start_at: null },
    build: { transition: "stop" as const },
  }
  const broken = await givenWorkspace(user, template, open)
  const fine = await givenWorkspace(user, template, open)
  await query(
    `create or replace function test_break() returns trigger language plpgsql as $$ begin
       if new.id = '${broken.id}' and new.next_start_at is not null
       then raise numeric_value_out_of_range; end if; return new; end $$`,
  )
  await query(
    `create trigger test_break before update on workspaces
     for each row execute function test_break()`,
  )
  await tick(now)
  await query("drop trigger test_break on workspaces")
  const rows = await query(
    "select id, next_start_at is null as is_open from workspaces where id = any($1)",
    [[broken.id, fine.id]],
  )
  expect(rows).toContainEqual({ id: broken.id, is_open: true })
  expect(rows).toContainEqual({ id: fine.id, is_open: false })
})

test.each([
  [0, null],
  [1, afterEpoch(minuteMs)],
])("a workspace unused for its dormancy period and %i ms is dormant: %s", async (extraMs, at) => {
  const periodMs = 30 * minuteMs
  const user = await givenUser()
  const template = await givenTemplate(user, { columns: { time_til_dormant_ms: periodMs } })
  const workspace = await givenWorkspace(user, template, {
    columns: { last_used_at: new Date(now.getTime() - periodMs - extraMs) },
    build: { transition: "stop" },
  })
  await tick(now)
  const [row] = await query("select dormant_at from workspaces where id = $1", [workspace.id])
  expect(row.dormant_at).toEqual(at)
})

test("a workspace that changed after the batch read it is left for the next round", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), due)
  await query("alter function take_due rename to take_due_as_is")
  // The write is later than the statement's snapshot and earlier than its lock.
  await query(
    `create function take_due(p_now timestamptz, p_size integer)
     returns table (id uuid, row_version tid) language plpgsql volatile as $$ begin
       update workspaces w set last_used_at = p_now where w.id = '${workspace.id}';
       return query select * from take_due_as_is(p_now, p_size); end $$`,
  )
  const run = () =>
    connect(env.DATABASE_URL).all(
      runBatch({
        now,
        size: 100,
        asked: [],
        carries: [],
        unflushed: { shards: [], shardCount: 8 },
      }),
    )
  const [skipped] = await run()
  await query("drop function take_due")
  await query("alter function take_due_as_is rename to take_due")
  expect(skipped).toMatchObject({ taken: 1, done: {}, moved: 0 })
  expect((await builds(workspace.id)).length).toBe(1)
  const [taken] = await run()
  expect(taken).toMatchObject({ taken: 1, done: { autostop: 1 } })
})

test("a prebuild has no rules, whatever is due", async () => {
  const template = await givenTemplate(await givenUser(), {
    columns: { failure_ttl_ms: 1, time_til_dormant_ms: 1 },
  })
  const { id } = await givenWorkspace({ id: prebuildsUserId }, template, {
    columns: { last_used_at: afterEpoch(-60 * minuteMs) },
    build: { status: "failed" },
  })
  expect(await query("select rule from lifecycle_rules where workspace_id = $1", [id])).toEqual([])
})

test("a running workspace that a person marks dormant is stopped at the next tick", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), {
    build: { columns: { deadline: afterEpoch(600 * minuteMs) } },
  })
  at(now)
  const path = `/api/v2/workspaces/${workspace.id}`
  const body = { dormant: true }
  expect((await api(`${path}/dormant`, { method: "PUT", body, token: user.token })).status).toBe(
    200,
  )
  const explained = await api(`${path}/lifecycle`, { token: user.token })
  expect(explained.body.next).toMatchObject({ rule: "dormant_stop", transition: "stop" })
  await tick(now)
  expect((await builds(workspace.id)).slice(1)).toEqual([
    { build_number: 2, transition: "stop", reason: "dormancy" },
  ])
  const [row] = await query("select dormant_at from workspaces where id = $1", [workspace.id])
  expect(row.dormant_at).toEqual(now)
})

test("use in a buffer is written before a workspace is stopped", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user, { columns: { time_til_dormant_ms: 10 * minuteMs } })
  const workspace = await givenWorkspace(user, template)
  const usedAt = afterEpoch(9 * minuteMs)
  at(usedAt)
  await api(`/api/v2/workspaces/${workspace.id}/usage`, { method: "POST", token: user.token })
  await tick(afterEpoch(11 * minuteMs))
  const [row] = await query("select dormant_at, last_used_at from workspaces where id = $1", [
    workspace.id,
  ])
  expect(row).toEqual({ dormant_at: null, last_used_at: usedAt })
})

describe("a shard that cannot be flushed", () => {
  const batch = (at: Date) =>
    connect(env.DATABASE_URL).all(
      runBatch({
        now: at,
        size: 100,
        asked: [],
        carries: [],
        unflushed: { shards: [0, 1], shardCount: 2 },
      }),
    )

  test("holds autostop for a quarter of an hour, and then no longer", async () => {
    const user = await givenUser()
    const workspace = await givenWorkspace(user, await givenTemplate(user), due)
    const [held] = await batch(afterEpoch(15 * minuteMs))
    expect(held?.waiting).toMatchObject({ usage_not_flushed: 1 })
    expect((await builds(workspace.id)).length).toBe(1)
    await batch(afterEpoch(16 * minuteMs))
    expect((await builds(workspace.id)).length).toBe(2)
  })

  test("holds dormancy until its use is known", async () => {
    const user = await givenUser()
    const template = await givenTemplate(user, { columns: { time_til_dormant_ms: 1 } })
    const workspace = await givenWorkspace(user, template, { build: { transition: "stop" } })
    for (const minutes of [20, 40, 60]) await batch(afterEpoch(minutes * minuteMs))
    const [row] = await query("select dormant_at from workspaces where id = $1", [workspace.id])
    expect(row.dormant_at).toBeNull()
  })
})

describe("the version that an autostart builds", () => {
  const start = (policy: { automatic_updates?: string }) => ({
    columns: {
      ...policy,
      autostart_schedule: "CRON_TZ=UTC 0 10 * * *",
      next_start_at: afterEpoch(60 * minuteMs),
    },
    build: { transition: "stop" as const },
  })
  const parameters = [
    { name: "region", required: true },
    { name: "once", required: false, ephemeral: true, default_value: "" },
  ]

  test.each([
    ["never", {}, false],
    ["always", {}, true],
    ["never", { require_active_version: true }, true],
  ])("updates %s, %o", async (automatic_updates, columns, isUpdated) => {
    const user = await givenUser()
    const template = await givenTemplate(user, { parameters, columns })
    const active = await givenVersion(user, { parameters, columns: { message: " " } })
    await query("update template_versions set template_id = $1 where id = $2", [
      template.id,
      active.id,
    ])
    await query("update templates set active_version_id = $1 where id = $2", [
      active.id,
      template.id,
    ])
    const workspace = await givenWorkspace(user, template, start({ automatic_updates }))
    await query(
      "insert into workspace_build_parameters values ($1, 'region', 'eu'), ($1, 'once', 'x')",
      [workspace.build.id],
    )
    await tick(afterEpoch(60 * minuteMs))
    const [build] = await query(
      "select id, template_version_id from workspace_builds where workspace_id = $1 and build_number = 2",
      [workspace.id],
    )
    expect(build.template_version_id).toBe(isUpdated ? active.id : template.version.id)
    const values = await query(
      "select name, value from workspace_build_parameters where workspace_build_id = $1 order by name",
      [build.id],
    )
    expect(values).toEqual([
      { name: "once", value: "" },
      { name: "region", value: "eu" },
    ])
    const notices = await query(
      "select labels, created_by from notification_messages where user_id = $1",
      [user.id],
    )
    expect(notices).toEqual(
      isUpdated
        ? [
            {
              created_by: "autobuild",
              labels: {
                name: workspace.name,
                initiator: "autobuild",
                reason: "autostart",
                template_version_name: active.name,
                template_version_message: "None provided",
              },
            },
          ]
        : [],
    )
  })
})

test("an autostart that is due during a stop follows its completion", async () => {
  const user = await givenUser()
  const workspace = await givenWorkspace(user, await givenTemplate(user), {
    columns: {
      autostart_schedule: "CRON_TZ=UTC 0 10 * * *",
      next_start_at: afterEpoch(60 * minuteMs),
    },
  })
  const stop = await givenBuild(workspace, {
    transition: "stop",
    status: "running",
    at: afterEpoch(59 * minuteMs),
  })
  await tick(afterEpoch(60 * minuteMs))
  expect((await builds(workspace.id)).length).toBe(2)
  await query("update provisioner_jobs set completed_at = $2 where id = $1", [
    stop.jobId,
    afterEpoch(61 * minuteMs),
  ])
  await tick(afterEpoch(61 * minuteMs))
  expect((await builds(workspace.id)).at(-1)).toEqual({
    build_number: 3,
    transition: "start",
    reason: "autostart",
  })
  expect(epoch).toEqual(afterEpoch(0))
})
