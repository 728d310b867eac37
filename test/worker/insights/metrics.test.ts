// The metrics page: who may read it, what it says, and that nothing is counted twice.
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { connect } from "../../../src/platform/db/client.ts"
import { countJobs } from "../../../src/insights/metrics/jobs.ts"
import { metricFamilies } from "../../../src/metrics/catalogue.ts"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { givenAgent, givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"
import { givenPool } from "../pools/given-pools.ts"

const minuteMs = 60_000
const headers = { Authorization: "Bearer metrics-token-of-the-tests" }

test("the metrics page answers 401 without its own token", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  expect((await api("/metrics")).status).toBe(401)
  expect((await api("/metrics", { headers: { Authorization: "Bearer wrong" } })).status).toBe(401)
  expect((await api("/metrics", { token: owner.token })).status).toBe(401)
})

test("the page shows pools, queue, tick and builds after a tick, and parses", async () => {
  const pool = await givenPool(2)
  const owner = await givenUser()
  const quoted = await givenTemplate(owner, { columns: { name: 'a"b\\c' } })
  await givenWorkspace(owner, quoted, { build: { at: afterEpoch(-10 * minuteMs) } })
  await tick(epoch)
  await tick(afterEpoch(3 * minuteMs))

  const page = await scrape(afterEpoch(3 * minuteMs))
  expect(page).toMatch(
    new RegExp(`coderd_prebuilt_workspaces_desired{[^}]*template_name="${pool.template.name}"} 2`),
  )
  expect(page).toMatch(
    new RegExp(
      `coderd_prebuilt_workspaces_created_total{[^}]*template_name="${pool.template.name}"} 2`,
    ),
  )
  expect(page).toContain(
    'dormouse_builds_total{engine="",reason="initiator",status="succeeded",transition="start"}',
  )
  expect(page).toContain(
    'coderd_workspace_creation_duration_seconds_bucket{le="1",organization_name="default",' +
      'preset_name="",template_name="a\\"b\\\\c",type="regular"} 1',
  )
  expect(page).toMatch(/dormouse_provisioner_queue_depth\{[^}]*\} \d+/)
  expect(page).toMatch(/dormouse_lifecycle_last_tick_timestamp_seconds \d+/)
  expect(page).toMatch(/dormouse_usage_tracker_depth\{shard="0"\} 0/)
  const label = String.raw`[a-z_]+="(\\.|[^"\\])*"`
  const sample = String.raw`[a-z_]+(\{${label}(,${label})*\})? -?[0-9.e+-]+`
  const form = new RegExp(`^(# (HELP|TYPE) [a-z_]+ .+|${sample})$`)
  for (const line of page.trimEnd().split("\n")) expect(line).toMatch(form)
  const known = new Set<string>(metricFamilies.map(({ name }) => name))
  for (const [, name = ""] of page.matchAll(/^# TYPE (\S+)/gm)) expect(known.has(name)).toBe(true)
})

test("the page shows the tag sets that have waited longest when there are very many", async () => {
  const user = await givenUser()
  const { fileId } = await givenVersion(user)
  await query(
    `insert into provisioner_jobs (id, organization_id, initiator_id, file_id, type, input, tags,
      created_at, updated_at)
     select gen_random_uuid(), $1, $2, $4, 'template_version_import', '{}',
       jsonb_build_object('set', n),
       $3::timestamptz + make_interval(secs => n), $3 from generate_series(1, 250) n`,
    [user.organizationId, user.id, afterEpoch(-60 * minuteMs), fileId],
  )
  await tick(afterEpoch(-50 * minuteMs))
  const [shown] = await query(
    `select count(*)::int as count, bool_and((labels->>'tags') <> 'set=250') as is_cut from metrics
     where name = 'dormouse_provisioner_queue_depth'`,
  )
  expect(shown).toEqual({ count: 200, is_cut: true })
  await query("delete from provisioner_jobs where tags ? 'set'")
})

test("scrapes within fifteen seconds cost one read", async () => {
  const now = afterEpoch(60 * minuteMs)
  await query(
    "insert into metrics values ('dormouse_outbox_pending', '{}', 41, $1) on conflict (name, labels) do update set value = 41",
    [now],
  )
  const first = await scrape(now)
  await query("update metrics set value = 42 where name = 'dormouse_outbox_pending'")
  expect(await scrape(new Date(now.getTime() + 14_999))).toBe(first)
  expect(await scrape(new Date(now.getTime() + 15_000))).toContain("dormouse_outbox_pending 42")
})

test("a job is counted once when roll-ups repeat or run at once", async () => {
  const owner = await givenUser()
  const template = await givenTemplate(owner)
  const now = afterEpoch(600 * minuteMs)
  const db = connect(env.DATABASE_URL)
  await db.all(countJobs(now))
  const before = await ended()
  await givenWorkspace(owner, template, { build: { at: now } })
  await Promise.all([1, 2, 3].map(() => db.all(countJobs(new Date(now.getTime() + 5 * minuteMs)))))
  await db.all(countJobs(new Date(now.getTime() + 5 * minuteMs)))
  expect((await ended()) - before).toBe(1)
})

async function ended(): Promise<number> {
  const [row] = await query(
    "select coalesce(sum(value), 0) as n from metrics where name = 'dormouse_builds_total'",
  )
  return Number(row.n)
}

test("the page has the names of the published dashboards, by workspace and agent", async () => {
  const [builtAt, tickAt] = [afterEpoch(24 * 60 * minuteMs), afterEpoch((24 * 60 + 10) * minuteMs)]
  const owner = await givenUser()
  const template = await givenTemplate(owner)
  const workspace = await givenWorkspace(owner, template, {
    build: { at: builtAt },
  })
  await givenAgent(workspace, workspace.build, {
    columns: {
      name: "main",
      lifecycle_state: "ready",
      first_connected_at: epoch,
      last_connected_at: epoch,
      socket_open: true,
    },
  })
  const stopped = await givenWorkspace(owner, template, {
    build: { transition: "stop", status: "failed", at: builtAt },
  })
  await givenProvisioner({ columns: { last_seen_at: tickAt } })
  await tick(tickAt)
  const page = await scrape(tickAt)
  const version = `template_name="${template.name}",template_version="${template.version.name}"`
  const build = (status: string, name: string, transition: string) =>
    `coderd_workspace_builds_total{status="${status}",${version},workspace_name="${name}",` +
    `workspace_owner="${owner.username}",workspace_transition="${transition}"} 1`
  expect(page).toContain(build("success", workspace.name, "START"))
  expect(page).toContain(build("failed", stopped.name, "STOP"))
  expect(page).toContain(
    `coderd_workspace_latest_build_status{status="failed",${version},` +
      `workspace_owner="${owner.username}",workspace_transition="stop"} 1`,
  )
  expect(page).toContain(
    `coderd_agents_up{${version},username="${owner.username}",` +
      `workspace_name="${workspace.name}"} 1`,
  )
  expect(page).toContain(
    'coderd_agents_connections{agent_name="main",lifecycle_state="ready",status="connected",' +
      `tailnet_node="",username="${owner.username}",workspace_name="${workspace.name}"} 1`,
  )
  expect(page).toMatch(/coderd_provisionerd_num_daemons [1-9]/)
})

test("a pool's counters begin at zero", async () => {
  const pool = await givenPool(0)
  await tick(afterEpoch((24 * 60 + 20) * minuteMs))
  const page = await scrape(afterEpoch((24 * 60 + 20) * minuteMs))
  for (const event of ["created", "failed", "claimed", "missed", "resource_replacements"]) {
    expect(page).toMatch(
      new RegExp(
        `coderd_prebuilt_workspaces_${event}_total{[^}]*template_name="${pool.template.name}"} 0`,
      ),
    )
  }
})

async function scrape(now: Date): Promise<string> {
  at(now)
  const { status, text, headers: answered } = await api("/metrics", { headers })
  expect(status).toBe(200)
  expect(answered.get("content-type")).toContain("text/plain; version=0.0.4")
  return text
}
