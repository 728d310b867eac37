// A tick that dies at any of its round trips, before or after the statement commits.
//
// The next tick leaves the same result as one that did not die.
import { beforeAll, expect, test } from "vitest"
import { withFaults, type Fault } from "../faults.ts"
import { givenProvisioner, givenUser, type GivenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, query, tick } from "../harness.ts"
import { together } from "../rows.ts"

const hourMs = 3_600_000
/** More than a tick has. */
const callsMax = 60

let owner: GivenUser
let now = afterEpoch(0)

beforeAll(async () => {
  owner = await givenUser()
  await givenProvisioner()
})

/** One workspace for each thing that a tick does, due at the next tick. Answers their ids. */
async function givenDueWorkspaces(): Promise<string[]> {
  now = new Date(now.getTime() + 24 * hourMs)
  const earlier = new Date(now.getTime() - hourMs)
  await query("update provisioner_daemons set last_seen_at = $1", [now])
  await query("update workspaces set deleted = true")
  await query("update provisioner_jobs set completed_at = updated_at where completed_at is null")
  const template = await givenTemplate(owner, {
    columns: {
      time_til_dormant_ms: hourMs,
      time_til_dormant_autodelete_ms: hourMs,
      failure_ttl_ms: 60_000,
      time_til_autostop_notify_ms: hourMs,
      activity_bump_ms: 0,
    },
  })
  const used = { last_used_at: now }
  const schedule = { ...used, autostart_schedule: "CRON_TZ=UTC 0 9 * * *" }
  const stopped = { transition: "stop" as const, at: new Date(now.getTime() - 2 * hourMs) }
  const soon = new Date(now.getTime() + hourMs / 2)
  const workspaces = await together(async () => [
    await givenWorkspace(owner, template, {
      columns: used,
      build: { at: earlier, columns: { deadline: earlier } },
    }),
    // Its next start has to be computed first: 09:00, which is the tick.
    await givenWorkspace(owner, template, { columns: schedule, build: stopped }),
    await givenWorkspace(owner, template, {
      columns: used,
      build: { at: earlier, status: "failed" },
    }),
    await givenWorkspace(owner, template, {
      columns: { last_used_at: null },
      build: { at: earlier },
    }),
    await givenWorkspace(owner, template, { columns: { last_used_at: null }, build: stopped }),
    await givenWorkspace(owner, template, {
      columns: { dormant_at: earlier, deleting_at: earlier },
      build: stopped,
    }),
    await givenWorkspace(owner, template, {
      columns: used,
      build: { at: earlier, columns: { deadline: soon } },
    }),
    await givenWorkspace(owner, template, { columns: used, build: { at: earlier } }),
  ])
  return workspaces.map(({ id }) => id)
}

/** What was done to each workspace, and who was notified, without the ids. */
async function outcome(ids: string[]): Promise<unknown[]> {
  const rows = await query(
    `select w.id, w.dormant_at is not null as is_dormant, w.check_at > '-infinity' as has_bound,
       array(select b.build_number || ' ' || b.transition || ' ' || b.reason || ' ' || j.job_status
         from workspace_builds b
         join provisioner_jobs j on j.id = b.job_id where b.workspace_id = w.id
           order by 1) as builds,
       array(select m.template_id::text || ' ' || m.status || ' ' || (select count(*)
         from inbox_notifications n where n.id = m.id)
         from notification_messages m where m.targets[1] = w.id order by 1) as notices,
       (select count(*)::int from audit_logs a where a.resource_id = w.id) as audits
     from workspaces w where w.id = any($1::uuid[])`,
    [ids],
  )
  const byId = new Map(rows.map(({ id, ...row }) => [id, row]))
  return ids.map((id) => byId.get(id))
}

test.each<Fault>(["request_lost", "answer_lost"])(
  "%s at every round trip in turn",
  async (fault) => {
    const lived = await givenDueWorkspaces()
    await tick(now)
    await tick(now)
    const expected = await outcome(lived)
    expect(expected).toMatchObject([
      { builds: [expect.any(String), "2 stop autostop pending"] },
      { builds: [expect.any(String), "2 start autostart pending"] },
      { builds: [expect.any(String), "2 stop autostop pending"] },
      { builds: [expect.any(String), "2 stop dormancy pending"], is_dormant: true, audits: 1 },
      { builds: [expect.any(String)], is_dormant: true, audits: 1 },
      { builds: [expect.any(String), "2 delete autodelete pending"] },
      { builds: [expect.any(String)], notices: [expect.stringContaining(" delivered 1")] },
      { builds: [expect.any(String)], notices: [], is_dormant: false },
    ])
    let died = 0
    for (let at = 1; at <= callsMax; at++) {
      const ids = await givenDueWorkspaces()
      const { calls } = await withFaults(
        (_, call) => (call < at ? null : call === at ? fault : "request_lost"),
        () => tick(now),
      )
      if (calls < at) break
      died += 1
      await tick(now)
      await tick(now)
      expect(await outcome(ids), `died at round trip ${at}`).toEqual(expected)
    }
    expect(died).toBeGreaterThanOrEqual(8)
    expect(died).toBeLessThan(callsMax)
  },
  300_000,
)
