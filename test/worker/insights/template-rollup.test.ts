// Build times and owner counts of templates, as the roll-up keeps them.
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { lifecycle as cases } from "../../cases/read.ts"
import { connect } from "../../../src/platform/db/client.ts"
import { refreshTemplates } from "../../../src/insights/rollups/template.ts"
import { givenUser } from "../given-people.ts"
import {
  givenTemplate,
  givenVersion,
  type GivenTemplate,
  type JobStatus,
} from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, epoch, query, queryWithoutTriggers } from "../harness.ts"

type BuildRow = {
  duration_seconds: number
  error: string | null
  canceled: boolean
  repeat?: number
}

// Builds are inserted long before the last refresh, which real builds never are. So each test
// begins without a mark.
beforeEach(() => query("delete from rollup_marks"))

const refresh = (now: Date) => connect(env.DATABASE_URL).all(refreshTemplates(now))

async function statsOf(template: GivenTemplate) {
  const [row] = await query(
    "select build_time_stats, active_user_count from templates where id = $1",
    [template.id],
  )
  return row
}

async function givenTimedBuilds(
  template: GivenTemplate,
  transition: "start" | "stop" | "delete",
  rows: BuildRow[],
) {
  const owner = await givenUser()
  const workspace = await givenWorkspace(owner, template, { build: null })
  let minute = 0
  for (const { duration_seconds, error, canceled, repeat = 1 } of rows) {
    for (let index = 0; index < repeat; index++) {
      const createdAt = afterEpoch(minute++ * 60_000 - 1_000_000_000)
      const build = await givenBuild(workspace, { transition, at: createdAt })
      await queryWithoutTriggers(
        "update provisioner_jobs set started_at = $2, completed_at = $3, error = $4, canceled_at = $5 where id = $1",
        [
          build.jobId,
          createdAt,
          new Date(createdAt.getTime() + duration_seconds * 1000),
          error,
          canceled ? createdAt : null,
        ],
      )
    }
  }
}

test.each(cases.groups.template_build_time)(
  "$id $name",
  async ({ input, expected }) => {
    const template = await givenTemplate(await givenUser())
    const rows: BuildRow[] =
      input.rows ??
      (input.durations_seconds ?? []).map((duration_seconds) => ({
        duration_seconds,
        error: null,
        canceled: false,
      }))
    const transition = input.transition as "start" | "stop" | "delete"
    await givenTimedBuilds(template, transition, rows)

    await refresh(epoch)

    const { build_time_stats: stats } = await statsOf(template)
    const none = { P50: null, P95: null }
    expect(stats).toEqual({
      start: none,
      stop: none,
      delete: none,
      [transition]: { P50: expected.p50_ms, P95: expected.p95_ms },
    })
  },
  30_000,
)

test("build times count succeeded builds of all versions of the template only", async () => {
  const template = await givenTemplate(await givenUser())
  const neighbour = await givenTemplate(await givenUser())
  await givenTimedBuilds(neighbour, "start", [
    { duration_seconds: 999, error: null, canceled: false },
  ])
  await givenTimedBuilds(template, "start", [
    { duration_seconds: 10, error: null, canceled: false },
    { duration_seconds: 100, error: "it failed", canceled: false },
    { duration_seconds: 200, error: null, canceled: true },
    { duration_seconds: 30, error: "", canceled: false },
  ])
  const creator = await givenUser()
  const version = await givenVersion(creator, { columns: { template_id: template.id } })
  await givenTimedBuilds({ ...template, version }, "start", [
    { duration_seconds: 20, error: null, canceled: false },
  ])
  const workspace = await givenWorkspace(creator, template, {
    build: { status: "running" as JobStatus },
  })
  expect(workspace.build.number).toBe(1)

  await refresh(epoch)
  expect((await statsOf(template)).build_time_stats.start).toEqual({ P50: 20_000, P95: 30_000 })
  expect((await statsOf(neighbour)).build_time_stats.start).toEqual({ P50: 999_000, P95: 999_000 })
})

test("owners are counted once, and a refresh without a change writes nothing", async () => {
  const template = await givenTemplate(await givenUser())
  const [one, two, gone] = [await givenUser(), await givenUser(), await givenUser()]
  await givenWorkspace(one, template)
  await givenWorkspace(one, template)
  await givenWorkspace(two, template)
  await givenWorkspace(gone, template, { columns: { deleted: true } })
  await Promise.all([refresh(epoch), refresh(epoch)])
  expect((await statsOf(template)).active_user_count).toBe(2)
  expect(await refresh(afterEpoch(1))).toEqual([{ refreshed: 0 }])

  const [{ id }] = await query("select id from templates where id = $1", [template.id])
  expect(cases.groups.template_unique_owners[0]?.expected.active_user_count).toBe(
    (await statsOf(await givenTemplate(one))).active_user_count,
  )
  expect(id).toBe(template.id)
})
