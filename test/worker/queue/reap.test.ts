// The reaper in the tick, against the groups `job_reaper` and `jobReaper`, with unaffected
// neighbours.
import { beforeEach, describe, expect, test } from "vitest"
import { lifecycle, prebuilds } from "../../cases/read.ts"
import { givenUser } from "../given-people.ts"
import { givenBuild } from "../given-workspaces.ts"
import { afterEpoch, at, epoch, query, queryWithoutTriggers, tick } from "../harness.ts"
import { daemonCall, givenQueue, jobRow } from "./given-jobs.ts"

const minuteMs = 60_000
// Each test has an hour of its own, so that what one leaves is not due in another's tick.
let tickAt = epoch
beforeEach(async () => {
  tickAt = new Date(tickAt.getTime() + 60 * minuteMs)
  at(tickAt)
  await query("update provisioner_jobs set completed_at = $1 where completed_at is null", [tickAt])
})

type Progress = { started: boolean; canceled: boolean; completed: boolean; silentMs: number }

async function givenJob({ started, canceled, completed, silentMs }: Progress) {
  const queue = await givenQueue()
  const since = new Date(tickAt.getTime() - silentMs)
  await query(
    "update provisioner_jobs set updated_at = $2, created_at = $2, started_at = $3, canceled_at = $4, completed_at = $5, worker_id = $6 where id = $1",
    [
      queue.build.jobId,
      since,
      started ? since : null,
      canceled ? since : null,
      completed ? since : null,
      started ? queue.provisioner.daemonId : null,
    ],
  )
  return queue
}

describe("job_reaper", () => {
  const rows = lifecycle.groups.job_reaper.filter(({ input }) => "tick" in input)

  test.each(rows)("$id $name", async ({ input, expected }) => {
    const silentMs = Date.parse(input.tick!) - Date.parse(input.updated_at!)
    const progress = {
      started: input.started!,
      canceled: input.canceled!,
      completed: input.completed!,
      silentMs,
    }
    const { build, workspace } = await givenJob(progress)
    const neighbour = await givenJob({
      started: true,
      canceled: false,
      completed: false,
      silentMs: minuteMs,
    })
    const before = await jobRow(build.jobId)
    await tick(tickAt)
    const after = await jobRow(build.jobId)
    expect((await jobRow(neighbour.build.jobId)).job_status).toBe("running")
    if (!expected.reaped) {
      expect(after).toEqual(before)
      return
    }
    expect(after).toMatchObject({
      job_status: expected.job_status_after,
      error: expected.error,
      error_code: null,
      completed_at: tickAt,
      updated_at: tickAt,
      started_at: expected.started_at_set_to_now ? tickAt : before.started_at,
    })
    const logs = await query("select * from provisioner_job_logs where job_id = $1 order by id", [
      build.jobId,
    ])
    expect(logs).toHaveLength(5)
    expect(logs[2]).toMatchObject({
      level: "error",
      source: "provisioner_daemon",
      stage: "Unknown",
    })
    expect(logs[4].created_at.getTime() - logs[0].created_at.getTime()).toBe(4)
    const [row] = await query("select latest_job_status from workspaces where id = $1", [
      workspace.id,
    ])
    expect(row.latest_job_status).toBe("failed")
  })
})

describe("jobReaper", () => {
  test.each(prebuilds.groups.jobReaper)("$name", async (row) => {
    const { build } = await givenJob({ ...row, silentMs: row.updatedMinutesAgo * minuteMs })
    await tick(tickAt)
    const { error } = await jobRow(build.jobId)
    expect(error?.match(/as (hung|pending)/)?.[1] ?? null).toBe(row.reaped ? row.type : null)
  })
})

describe("job_reaper of a build", () => {
  type StateCase = {
    input: {
      current_state?: string | null
      previous_build_state?: string | null
      dormant?: boolean
    }
    expected: { state_after?: string; terminated?: boolean }
  }
  const rows = (lifecycle.groups.job_reaper as unknown as (StateCase & { name: string })[]).filter(
    ({ input }) => "current_state" in input,
  )
  const silent = { started: true, canceled: false, completed: false, silentMs: 6 * minuteMs }

  test.each(rows)("$name", async ({ input, expected }) => {
    const { build, workspace } = await givenJob(silent)
    let hung = build
    if (input.previous_build_state != null) {
      await query("update provisioner_jobs set completed_at = $2 where id = $1", [
        build.jobId,
        tickAt,
      ])
      await query("update workspace_builds set provisioner_state = $2 where id = $1", [
        build.id,
        new TextEncoder().encode(input.previous_build_state),
      ])
      const at = new Date(tickAt.getTime() - silent.silentMs)
      hung = await givenBuild(workspace, { transition: "stop", status: "running", at })
    }
    if (input.current_state != null)
      await query("update workspace_builds set provisioner_state = $2 where id = $1", [
        hung.id,
        new TextEncoder().encode(input.current_state),
      ])
    if (input.dormant === true)
      await queryWithoutTriggers("update workspaces set dormant_at = $2 where id = $1", [
        workspace.id,
        tickAt,
      ])
    await tick(tickAt)
    const [row] = await query(
      `select convert_from(provisioner_state, 'utf8') as state, j.job_status = 'failed' as ended
       from workspace_builds b join provisioner_jobs j on j.id = b.job_id where b.id = $1`,
      [hung.id],
    )
    if ("state_after" in expected) expect(row.state).toBe(expected.state_after)
    if ("terminated" in expected) expect(row.ended).toBe(expected.terminated)
  })

  const logRows = lifecycle.groups.job_reaper.filter(({ input }) => "previous_logs" in input)

  test.each(logRows)("$name", async ({ expected }) => {
    const { build } = await givenJob(silent)
    await tick(tickAt)
    const logs = await query("select stage from provisioner_job_logs where job_id = $1", [
      build.jobId,
    ])
    expect(logs).toEqual(
      Array.from({ length: Number(expected.total_log_count) }, () => ({ stage: expected.stage })),
    )
  })

  const otherRows = lifecycle.groups.job_reaper.filter(({ input }) => "jobs" in input)

  test.each(otherRows)("$name", async ({ input, expected }) => {
    const ids: string[] = []
    for (const type of (input as { jobs: string[] }).jobs) {
      const { template } = await givenQueue()
      ids.push(template.version.jobId)
      await queryWithoutTriggers(
        `update provisioner_jobs set completed_at = null, started_at = null, type = $2,
           updated_at = $3 where id = $1`,
        [template.version.jobId, type, new Date(tickAt.getTime() - 35 * minuteMs)],
      )
    }
    await tick(tickAt)
    const [row] = await query(
      `select count(*)::int as n from provisioner_jobs where id = any($1) and job_status = 'failed'`,
      [ids],
    )
    expect(row.n).toBe(expected.terminated)
  })
})

test("a reaped build keeps the previous state, and its log its last stage", async () => {
  const { build, workspace, owner, organization } = await givenJob({
    started: true,
    canceled: false,
    completed: false,
    silentMs: 6 * minuteMs,
  })
  const admin = await givenUser({ organization, roles: ["template-admin"] })
  await query("update provisioner_jobs set completed_at = $2 where id = $1", [build.jobId, tickAt])
  await query("update workspace_builds set provisioner_state = 'S1' where id = $1", [build.id])
  const silentSince = new Date(tickAt.getTime() - 6 * minuteMs)
  const without = await givenBuild(workspace, {
    transition: "stop",
    status: "running",
    at: silentSince,
  })
  await query(
    "insert into provisioner_job_logs (job_id, created_at, source, level, stage, output) values ($1, $2, 'provisioner', 'info', 'Applying', 'x')",
    [without.jobId, silentSince],
  )
  await tick(tickAt)
  const [row] = await query(
    "select convert_from(provisioner_state, 'utf8') as state from workspace_builds where id = $1",
    [without.id],
  )
  expect(row.state).toBe("S1")
  const logs = await query("select stage from provisioner_job_logs where job_id = $1 order by id", [
    without.jobId,
  ])
  expect(logs.map(({ stage }) => stage)).toEqual(Array.from({ length: 6 }, () => "Applying"))
  const told = await query("select user_id from notification_messages where user_id = any($1)", [
    [admin.id, owner.id],
  ])
  expect(told).toEqual([{ user_id: admin.id }])
})

test("a reaped build keeps a state of its own", async () => {
  const { build } = await givenJob({
    started: true,
    canceled: false,
    completed: false,
    silentMs: 6 * minuteMs,
  })
  await query("update workspace_builds set provisioner_state = 'S2' where id = $1", [build.id])
  await tick(tickAt)
  const [row] = await query(
    "select convert_from(provisioner_state, 'utf8') as state from workspace_builds where id = $1",
    [build.id],
  )
  expect(row.state).toBe("S2")
})

test("a reaped job rejects a late completion, and its workspace can be built again", async () => {
  const { build, provisioner, workspace } = await givenJob({
    started: true,
    canceled: false,
    completed: false,
    silentMs: 6 * minuteMs,
  })
  await tick(tickAt)
  const late = await daemonCall(provisioner, `jobs/${build.jobId}/complete`, {
    type: "workspace_build",
  })
  expect(late.status).toBe(409)
  const next = await givenBuild(workspace, { status: "pending" })
  expect((await daemonCall(provisioner, "acquire")).body.job_id).toBe(next.jobId)
})

test("the reaper ends ten jobs of any type per tick, each once", async () => {
  const jobs: string[] = []
  for (let made = 0; made < 12; made++) {
    const { template } = await givenQueue()
    jobs.push(template.version.jobId)
  }
  await queryWithoutTriggers("update provisioner_jobs set completed_at = $1", [tickAt])
  await queryWithoutTriggers(
    "update provisioner_jobs set completed_at = null, started_at = null, updated_at = $2, type = case when id = $3 then 'template_version_dry_run' else type end where id = any($1)",
    [jobs, new Date(tickAt.getTime() - 31 * minuteMs), jobs[0]],
  )
  const failed = async () =>
    (
      await query(
        "select count(*)::int as n from provisioner_jobs where id = any($1) and job_status = 'failed'",
        [jobs],
      )
    )[0].n
  await tick(tickAt)
  expect(await failed()).toBe(10)
  await Promise.all([tick(afterEpoch(tickAt.getTime() - epoch.getTime() + minuteMs)), tick(tickAt)])
  expect(await failed()).toBe(12)
  const [row] = await query(
    "select count(*)::int as n from provisioner_job_logs where job_id = any($1)",
    [jobs],
  )
  expect(row.n).toBe(60)
})

test("a reaped job's log ends in the stage Unknown after a line without a stage", async () => {
  const { build } = await givenJob({
    started: true,
    canceled: false,
    completed: false,
    silentMs: 6 * minuteMs,
  })
  await query(
    `insert into provisioner_job_logs (job_id, created_at, source, level, stage, output)
     values ($1, $2, 'provisioner', 'info', '', 'x')`,
    [build.jobId, tickAt],
  )
  await tick(tickAt)
  const logs = await query("select stage from provisioner_job_logs where job_id = $1 order by id", [
    build.jobId,
  ])
  expect(logs.map(({ stage }) => stage)).toEqual(["", ...Array(5).fill("Unknown")])
})
