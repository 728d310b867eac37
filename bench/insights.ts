// Listing templates with their build times at a million builds: rolled up, against computed on
// read.
import { sql } from "drizzle-orm"
import { statement } from "../src/platform/db/client.ts"
import { refreshTemplates } from "../src/insights/rollups/template.ts"
import { listTemplates } from "../src/templates/search.ts"
import type { BenchDatabase } from "./lib/bench-database.ts"
import type { Calibration } from "./lib/calibration.ts"
import { databaseMs } from "./lib/database-time.ts"
import type { Result } from "./lib/report.ts"
import { bulkEpoch, seedMany, seedTemplate } from "./lib/seed-workspaces.ts"

const now = new Date(bulkEpoch.getTime() + 3_600_000)
/** Two builds each. */
const workspaces = 500_000
const versions = 50
const runs = 20
const computedRuns = 3
const listMsMax = 10
const ratioMin = 100

/**
 * The same figures without a roll-up, by definition: the newest hundred good builds of the
 * template.
 */
const computeOnRead = statement(
  "bench.compute-build-times",
  sql`
  select t.id, times.* from templates t, lateral (
    select percentile_disc(array[0.5, 0.95]) within group (order by seconds)
      filter (where transition = 'start') as start,
      percentile_disc(array[0.5, 0.95]) within group (order by seconds)
        filter (where transition = 'stop') as stop,
      percentile_disc(array[0.5, 0.95]) within group (order by seconds)
        filter (where transition = 'delete') as delete
    from (
      select b.transition, extract(epoch from j.completed_at - j.started_at) as seconds
      from workspace_builds b
      join template_versions v on v.id = b.template_version_id
      join provisioner_jobs j on j.id = b.job_id
      where v.template_id = t.id and j.completed_at is not null and j.started_at is not null
        and j.canceled_at is null
        and coalesce(j.error, '') = ''
      order by b.created_at desc limit 100
    ) newest
  ) times`,
)

/**
 * A long-lived template has many versions. With one version, one index would hold all builds in
 * order.
 */
async function spreadOverVersions(client: BenchDatabase["client"]): Promise<void> {
  await client.query("set session_replication_role = replica")
  await client.query(
    `insert into template_versions (id, template_id, organization_id, job_id, file_id, name,
      created_by, created_at, updated_at)
     select md5('version' || n)::uuid, template_id, organization_id, md5('versionjob' || n)::uuid,
       file_id, 'v' || n + 1, created_by,
       created_at, updated_at
     from template_versions, generate_series(1, $1::int) n`,
    [versions - 1],
  )
  await client.query(
    `update workspace_builds set template_version_id = md5('version' || n)::uuid
     from (select id as build_id, row_number() over () % $1 as n from workspace_builds) b
       where b.build_id = id and n > 0`,
    [versions],
  )
  await client.query("set session_replication_role = origin")
  await client.query("vacuum analyze workspace_builds")
  await client.query("analyze")
}

export async function run(
  { client, db }: BenchDatabase,
  calibration: Calibration,
): Promise<Omit<Result, "bench">> {
  const population = await seedTemplate(client, now)
  await seedMany(
    client,
    population,
    { from: 0, count: workspaces },
    new Date(bulkEpoch.getTime() + 8 * 3_600_000),
  )
  await spreadOverVersions(client)
  const startedAt = performance.now()
  await db.all(refreshTemplates(now))
  const firstRefreshMs = performance.now() - startedAt
  const quietFrom = performance.now()
  await db.all(refreshTemplates(new Date(now.getTime() + 3_600_000)))
  const quietRefreshMs = performance.now() - quietFrom

  const [owner] = population.ownerIds
  await client.query("select set_config('dormouse.actor', $1, false)", [
    JSON.stringify({
      kind: "user",
      id: owner,
      roles: ["owner", "member"],
      organizations: {},
      scopes: ["coder:all"],
      allow_list: ["*:*"],
    }),
  ])
  const list = listTemplates({ deprecated: false, deleted: false }, null)
  const listMs = await databaseMs(client, list, runs)
  const computedMs = await databaseMs(client, computeOnRead, computedRuns)
  return {
    figures: {
      builds: workspaces * 2,
      listMs,
      computedMs,
      ratio: computedMs / listMs,
      firstRefreshMs,
      quietRefreshMs,
    },
    targets: [
      {
        name: "template list with build times, ms in the database",
        value: listMs,
        atMost: listMsMax * calibration.slack,
      },
      { name: "times less than computing on read", value: computedMs / listMs, atLeast: ratioMin },
      // A roll-up that cost more than it saves would be paid in each minute with a build.
      {
        name: "refresh of all, as a share of computing on read",
        value: firstRefreshMs / computedMs,
        atMost: 1,
      },
    ],
  }
}
