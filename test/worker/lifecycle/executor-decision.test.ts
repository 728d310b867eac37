// What one tick does with one workspace, case by case. All rows are in the database at once: each
// is also the others' neighbour.
import { beforeAll, describe, expect, test } from "vitest"
import { givenProvisioner } from "../given-people.ts"
import { query, tick } from "../harness.ts"
import { type DecisionCase, givenCase, groups } from "./executor-cases.ts"

const now = new Date("2024-01-01T12:00:00Z")
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the data is fixed and the test checks what it reads
const decisions = groups.executor_decision as unknown as DecisionCase[]
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
const reminders = groups.autostop_reminder_newer_version as unknown as DecisionCase[]
const workspaceIds = new Map<string, string>()
const waits = new Map<string, string | undefined>()

async function waitingFor(workspaceId: string): Promise<string | undefined> {
  const [rule] = await query(
    `select coalesce(transition, 'no-build') || '/' || reason as what from lifecycle_rules
     where workspace_id = $1 and due_at <= $2 and job_is_active(job_status)
       order by precedence limit 1`,
    [workspaceId, now],
  )
  return rule?.what
}

async function effectOf(workspaceId: string): Promise<string> {
  const [row] = await query(
    `select (select transition || '/' || reason from workspace_builds b where b.workspace_id = w.id
      and b.build_number = 2) as build,
       dormant_at = $2 as is_marked,
       (select count(*)::int from notification_messages m where w.id = any(m.targets)
         and m.template_id = '6f6cb984-c167-4fa5-bb87-1058dd642779') as reminders,
       (select max(build_number) from workspace_builds b where b.workspace_id = w.id) as last
     from workspaces w where id = $1`,
    [workspaceId, now],
  )
  expect(row.last).toBeLessThanOrEqual(2)
  if (row.build !== null) return row.build
  if (row.is_marked) return "no-build/dormancy"
  return row.reminders > 0 ? "remind" : "none"
}

beforeAll(async () => {
  await givenProvisioner({ columns: { last_seen_at: now } })
  for (const row of [...decisions, ...reminders]) {
    const workspace = await givenCase(row)
    workspaceIds.set(row.id, workspace.id)
    waits.set(row.id, await waitingFor(workspace.id))
  }
  await tick(now)
  await tick(now)
}, 60_000)

describe("executor_decision", () => {
  test.each(decisions)("$id $name", async ({ id, expected }) => {
    expect(await effectOf(workspaceIds.get(id) ?? "")).toBe(expected.effective)
    expect(waits.get(id)).toBe(expected.waits)
  })
})

describe("autostop_reminder_newer_version", () => {
  test.each(reminders)("$id $name", async ({ id, expected }) => {
    expect(await effectOf(workspaceIds.get(id) ?? "")).toBe(expected.remind ? "remind" : "none")
  })
})

test("the tick leaves nothing due, and a ledger row each", async () => {
  const [row] = await query(
    `select (select count(*)::int from workspaces where check_at <= $1) as due,
       (select count(*)::int from lifecycle_ticks where error is null and not more) as ticks`,
    [now],
  )
  expect(row).toEqual({ due: 0, ticks: 2 })
})
