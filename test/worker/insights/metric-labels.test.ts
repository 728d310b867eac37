// The families that published dashboards use: their names, types and labels, and what they count.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { connect } from "../../../src/platform/db/client.ts"
import { countJobs } from "../../../src/insights/metrics/jobs.ts"
import { bucketBounds, metricFamilies } from "../../../src/metrics/catalogue.ts"
import { renderMetrics, type StoredSample } from "../../../src/metrics/render.ts"
import { givenUser } from "../given-people.ts"
import { givenVersion } from "../given-templates.ts"
import { givenBuild, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, query, queryWithoutTriggers, tick } from "../harness.ts"
import { givenPool, givenPrebuild } from "../pools/given-pools.ts"

const names = ["organization_name", "preset_name", "template_name"]
const wait = ["build_reason", "job_type", "provisioner_type", "transition"]

const families: [string, "counter" | "gauge" | "histogram", string[]][] = [
  ["coderd_prebuilt_workspaces_created_total", "counter", names],
  ["coderd_prebuilt_workspaces_failed_total", "counter", names],
  ["coderd_prebuilt_workspaces_claimed_total", "counter", names],
  ["coderd_prebuilt_workspaces_resource_replacements_total", "counter", names],
  ["coderd_prebuilt_workspaces_desired", "gauge", names],
  ["coderd_prebuilt_workspaces_running", "gauge", names],
  ["coderd_prebuilt_workspaces_eligible", "gauge", names],
  ["coderd_prebuilt_workspaces_preset_hard_limited", "gauge", names],
  ["coderd_prebuilt_workspaces_metrics_last_updated", "gauge", []],
  ["coderd_prebuilt_workspaces_reconciliation_paused", "gauge", []],
  ["coderd_prebuilds_reconciliation_duration_seconds", "histogram", []],
  ["coderd_workspace_creation_duration_seconds", "histogram", [...names, "type"]],
  ["coderd_prebuilt_workspace_claim_duration_seconds", "histogram", names],
  [
    "coderd_workspace_builds_enqueued_total",
    "counter",
    ["build_reason", "provisioner_type", "status", "transition"],
  ],
  ["coderd_provisioner_job_queue_wait_seconds", "histogram", wait],
]

const createStage = { prebuilt_workspace_stage: 1 }
const claimStage = { prebuilt_workspace_stage: 2 }
const counted = afterEpoch(-5 * 60_000)

const samples = () =>
  query<StoredSample>("select name, labels, value from metrics order by name, labels")

test("every family has its type and its labels after each kind of event", async () => {
  const pool = await givenPool(4)
  const limited = await givenPool(1)
  const user = await givenUser()
  const at = counted
  await givenPrebuild(pool, { at, agents: ["ready"], job: { input: createStage } })
  await givenPrebuild(pool, { at, status: "failed", job: { input: createStage } })
  for (let index = 0; index < 3; index++) await givenPrebuild(limited, { at, status: "failed" })
  const claimed = await givenPrebuild(pool, { at, ownerId: user.id, job: { input: createStage } })
  await givenBuild(claimed, {
    at,
    columns: { template_version_preset_id: pool.presetId },
    job: { input: { ...claimStage, resources_replaced: true } },
  })
  await givenWorkspace(user, pool.template, { build: { at } })
  await tick(afterEpoch(0))

  const all = await samples()
  const page = renderMetrics(all)
  for (const [name, type, labels] of families) {
    expect(page).toContain(`# TYPE ${name} ${type}\n`)
    const own = all.filter(
      (sample) => sample.name === (type === "histogram" ? `${name}_count` : name),
    )
    expect([name, own.length > 0]).toEqual([name, true])
    for (const sample of own)
      expect([name, Object.keys(sample.labels).toSorted()]).toEqual([name, labels])
  }
  const valueOf = (name: string, labels: Record<string, string>) =>
    all.find(
      (one) =>
        one.name === name &&
        Object.entries(labels).every(([key, text]) => one.labels[key] === text),
    )?.value
  const preset = { template_name: pool.template.name, preset_name: pool.presetName }
  expect(valueOf("coderd_prebuilt_workspaces_created_total", preset)).toBe(3)
  expect(valueOf("coderd_prebuilt_workspaces_failed_total", preset)).toBe(1)
  expect(valueOf("coderd_prebuilt_workspaces_claimed_total", preset)).toBe(1)
  expect(valueOf("coderd_prebuilt_workspaces_resource_replacements_total", preset)).toBe(1)
  const creations = "coderd_workspace_creation_duration_seconds_count"
  expect(valueOf(creations, { ...preset, type: "prebuild" })).toBe(2)
  expect(
    valueOf(creations, { template_name: pool.template.name, preset_name: "", type: "regular" }),
  ).toBe(1)
})

test("queue waits are at least a millisecond and label imports and prebuilds apart", async () => {
  const user = await givenUser()
  const pool = await givenPool(1)
  const db = connect(env.DATABASE_URL)
  const at = afterEpoch(3_600_000)
  await db.all(countJobs(new Date(at.getTime() + 60_000)))
  await query("delete from metrics")
  const version = await givenVersion(user)
  await queryWithoutTriggers(
    "update provisioner_jobs set created_at = $2, started_at = $2, completed_at = $2 where id = $1",
    [version.jobId, at],
  )
  const prebuild = await givenPrebuild(pool, { at, job: { input: createStage } })
  expect(prebuild.ownerId).toBe(prebuildsUserId)
  await db.all(countJobs(new Date(at.getTime() + 10 * 60_000)))
  const sums = (await samples()).filter(
    ({ name }) => name === "coderd_provisioner_job_queue_wait_seconds_sum",
  )
  const common = { provisioner_type: "terraform" }
  expect(sums).toEqual([
    {
      name: "coderd_provisioner_job_queue_wait_seconds_sum",
      labels: { ...common, job_type: "template_version_import", transition: "", build_reason: "" },
      value: 0.001,
    },
    {
      name: "coderd_provisioner_job_queue_wait_seconds_sum",
      labels: {
        ...common,
        job_type: "workspace_build",
        transition: "start",
        build_reason: "prebuild",
      },
      value: 0.001,
    },
  ])
})

test("each histogram has buckets, and each family has one name", () => {
  const histograms = metricFamilies
    .filter(({ type }) => type === "histogram")
    .map(({ name }) => name)
  expect(Object.keys(bucketBounds).toSorted()).toEqual(histograms.toSorted())
  expect(new Set(metricFamilies.map(({ name }) => name)).size).toBe(metricFamilies.length)
})
