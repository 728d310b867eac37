// The pools on the metrics page by name and label, and the notice about replaced resources.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { api, at, query, tick } from "../harness.ts"
import { givenPool, givenPrebuild, reconcile } from "./given-pools.ts"
import { claim, completeJob, failJob, givenWorld, takeJob, type World } from "./given-world.ts"

const startedAt = new Date("2026-03-04T09:00:00Z")
const after = (seconds: number) => new Date(startedAt.getTime() + seconds * 1000)
const replacements = [
  { resource: "disk.home", paths: ["size", "zone"] },
  { resource: "machine.main", paths: [] },
]

async function scrape(now: Date): Promise<string[]> {
  at(now)
  const { text } = await api("/metrics", {
    headers: { Authorization: "Bearer metrics-token-of-the-tests" },
  })
  return text.split("\n")
}

/**
 * The samples of one family for the world's template: labels beside the template's, the preset's
 * and the organization's.
 */
function samplesOf(page: string[], family: string, names: string) {
  return page
    .filter((line) => line.startsWith(`${family}{`) && line.includes(names))
    .map((line) => line.slice(family.length).replace(names, ""))
}

async function namesOf(world: World): Promise<string> {
  const [row] = await query(
    `select o.name as organization, p.name as preset, t.name as template from templates t
      join organizations o on o.id = t.organization_id
     join template_version_presets p on p.id = $2 where t.id = $1`,
    [world.template.id, world.presetId],
  )
  const { organization, preset, template } = row
  return `organization_name="${organization}",preset_name="${preset}",template_name="${template}"`
}

test("each metric of a pool's life has its name, its labels and its count", async () => {
  const world = await givenWorld({}, 2)
  const names = await namesOf(world)
  await tick(startedAt)
  const first = await takeJob(world, startedAt)
  at(after(20))
  await completeJob(world, first)
  const second = await takeJob(world, after(20))
  await failJob(world, second, "no capacity")
  at(after(30))
  expect((await claim(world)).body.id).toBe(first.build.workspace.id)
  const claimJob = await takeJob(world, after(32))
  at(after(39))
  await completeJob(world, claimJob, { replacements })
  // Nothing to claim: a miss.
  expect((await claim(world)).status).toBe(201)
  await tick(after(60))
  await tick(after(240))
  // Jobs are counted a little after the fact.
  await tick(after(480))

  const page = await scrape(after(480))
  const pool = (name: string) => samplesOf(page, `coderd_prebuilt_workspaces_${name}`, names)
  // The failed one is replaced once its backoff is over, and so is the claimed one.
  expect(pool("created_total")).toEqual(["{} 4"])
  expect(pool("failed_total")).toEqual(["{} 1"])
  expect(pool("claimed_total")).toEqual(["{} 1"])
  expect(pool("missed_total")).toEqual(["{} 1"])
  expect(pool("resource_replacements_total")).toEqual(["{} 1"])
  expect(pool("desired")).toEqual(["{} 2"])
  expect(pool("running")).toEqual(["{} 0"])
  expect(pool("eligible")).toEqual(["{} 0"])
  expect(pool("preset_hard_limited")).toEqual([])
  expect(page).toContain(
    `coderd_prebuilt_workspaces_metrics_last_updated ${after(480).getTime() / 1000}`,
  )
  expect(page).toContain("coderd_prebuilt_workspaces_reconciliation_paused 0")
  const durations = samplesOf(page, "coderd_prebuilt_workspace_claim_duration_seconds_sum", names)
  expect(durations).toEqual(["{} 7"])
  const creations = samplesOf(page, "coderd_workspace_creation_duration_seconds_sum", names)
  expect(creations).toEqual(['{,type="prebuild"} 20'])
  const enqueued =
    'coderd_workspace_builds_enqueued_total{build_reason="prebuild",provisioner_type="'
  expect(page.some((line) => line.startsWith(enqueued) && line.includes('status="success"'))).toBe(
    true,
  )
  const waits =
    "coderd_provisioner_job_queue_wait_seconds_count" +
    '{build_reason="prebuild",job_type="workspace_build"'
  expect(page.some((line) => line.startsWith(waits))).toBe(true)
})

test("limit gauges name active presets only and end with the limit; the pause shows", async () => {
  const limited = await givenPool(1)
  for (const minutes of [30, 20, 10]) {
    const failed = { status: "failed" as const, at: after(-60 * minutes) }
    await givenPrebuild(limited, failed)
  }
  const label = `template_name="${limited.template.name}"`
  const isLimited = (page: string[]) =>
    page.some(
      (line) =>
        line.startsWith("coderd_prebuilt_workspaces_preset_hard_limited{") && line.includes(label),
    )
  await tick(after(3600))
  expect(isLimited(await scrape(after(3600)))).toBe(true)

  await query("update workspaces set deleted = true where template_id = $1", [limited.template.id])
  await query(
    `insert into site_configs (key, value)
      values ('prebuilds_settings', '{"reconciliation_paused":true}')`,
  )
  await tick(after(3660))
  const page = await scrape(after(3660))
  expect(isLimited(page)).toBe(false)
  expect(page).toContain("coderd_prebuilt_workspaces_reconciliation_paused 1")
  await query("delete from site_configs where key = 'prebuilds_settings'")
})

test("a deprecated template's pool desires nothing and shows what is still running", async () => {
  const pool = await givenPool(2, { template: { deprecation_message: "use another" } })
  await givenPrebuild(pool, { at: startedAt, agents: ["ready"] })
  const gauge = (page: string[], name: string) =>
    page
      .filter((line) => line.startsWith(`coderd_prebuilt_workspaces_${name}{`))
      .filter((line) => line.includes(`template_name="${pool.template.name}"`))
      .map((line) => line.split(" ").at(-1))
  await tick(after(7200))
  const page = await scrape(after(7200))
  expect(["desired", "running", "eligible"].map((name) => gauge(page, name))).toEqual([
    ["0"],
    ["1"],
    ["0"],
  ])
})

test("a claim with replacements notifies each template admin of the site once", async () => {
  const world = await givenWorld()
  const admin = await givenUser({ roles: ["template-admin"] })
  await givenUser({ roles: ["owner"] })
  await givenUser({ roles: ["template-admin"], columns: { status: "suspended" } })
  await reconcile(startedAt)
  // A prebuild's own build notifies nobody.
  await completeJob(world, await takeJob(world, startedAt), { replacements })
  const told = () =>
    query(
      `select m.user_id, m.labels from notification_messages m
       where m.template_id = '89d9745a-816e-4695-a17f-3d0a229e2b8d' and $1 = any(m.targets)
         and m.user_id = $2`,
      [world.template.id, admin.id],
    )
  expect(await told()).toEqual([])
  await claim(world, { name: "mine" })
  await completeJob(world, await takeJob(world, startedAt), { replacements })
  expect(await told()).toEqual([
    {
      user_id: admin.id,
      labels: expect.objectContaining({
        workspace: "mine",
        template: world.template.name,
        claimant: world.owner.username,
        replacements: "disk.home: size,zone\nmachine.main: ",
      }),
    },
  ])
  const [{ others }] = await query(
    `select count(*)::int as others from notification_messages m join users u on u.id = m.user_id
     where $1 = any(m.targets) and not ('template-admin' = any(u.site_roles)
       and u.status = 'active')`,
    [world.template.id],
  )
  expect(others).toBe(0)
})

test("a claim without replacements notifies nobody", async () => {
  const world = await givenWorld()
  await givenUser({ roles: ["template-admin"] })
  await reconcile(startedAt)
  await completeJob(world, await takeJob(world, startedAt))
  await claim(world)
  await completeJob(world, await takeJob(world, startedAt))
  expect(
    await query("select id from notification_messages where $1 = any(targets)", [
      world.template.id,
    ]),
  ).toEqual([])
})
