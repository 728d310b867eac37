// The fields that the lifecycle reads, as they are written and kept, row by row of the cases.
import { prebuildsUserId } from "../../../src/platform/db/prebuilds-user.ts"
import { describe, expect, test } from "vitest"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, at, epoch, query, tick } from "../harness.ts"
import type { Row } from "../rows.ts"
import { type DecisionCase, givenCase, groups, instant } from "./executor-cases.ts"

const workspaceOf = async (id: string) =>
  (await query("select * from workspaces where id = $1", [id]))[0]

/** The rows of a group as a test reads them, whatever keys each leaves out. */
function rowsOf<T>(name: keyof typeof groups): T[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the data is fixed and the test checks what it reads
  return groups[name] as unknown as T[]
}

describe("autostart_eligibility", () => {
  test.each(rowsOf<DecisionCase>("autostart_eligibility"))("$id $name", async (row) => {
    const { id } = await givenCase(row)
    const [{ eligible }] = await query(
      "select coalesce(due_at <= $2, false) as eligible from lifecycle_rules where workspace_id = $1 and rule = 'autostart'",
      [id, row.input.tick],
    )
    expect(eligible).toBe(row.expected.eligible)
  })
})

describe("dormancy_write", () => {
  type Case = {
    id: string
    name: string
    input: {
      workspace: Record<string, string>
      set_dormant_at: string | null
      template_time_til_dormant_autodelete_seconds: number
      prebuild: boolean
      now: string
    }
    expected: Record<string, string | number | null>
  }

  test.each(rowsOf<Case>("dormancy_write"))("$id $name", async ({ input, expected }) => {
    const owner = await givenUser({ roles: ["owner"] })
    const template = await givenTemplate(owner, {
      columns: {
        time_til_dormant_autodelete_ms: input.template_time_til_dormant_autodelete_seconds * 1000,
      },
    })
    const workspace = await givenWorkspace(
      input.prebuild ? { id: prebuildsUserId } : owner,
      template,
      {
        columns: input.workspace,
      },
    )
    // Marking writes the instant of the request, waking the last use.
    at(new Date(input.set_dormant_at ?? input.now))
    const answer = await api(`/api/v2/workspaces/${workspace.id}/dormant`, {
      method: "PUT",
      body: { dormant: input.set_dormant_at !== null },
      token: owner.token,
    })
    at(epoch)
    expect(answer.status).toBe(expected["returned_rows"] === 1 ? 200 : 409)
    const { returned_rows: _, ...columns } = expected
    const row = await workspaceOf(workspace.id)
    for (const [name, value] of Object.entries(columns)) {
      expect(row[name], name).toEqual(value === null ? null : new Date(value))
    }
  })
})

describe("next_start_at_trigger", () => {
  type Case = {
    id: string
    name: string
    input: { before: Row; update: string }
    expected: { next_start_at: string | null }
  }

  test.each(rowsOf<Case>("next_start_at_trigger"))("$id $name", async ({ input, expected }) => {
    const owner = await givenUser()
    const template = await givenTemplate(owner)
    const workspace = await givenWorkspace(owner, template, { columns: input.before })
    const neighbour = await givenWorkspace(owner, template, {
      columns: { autostart_schedule: "0 9 * * *", next_start_at: epoch },
    })
    await query(`update workspaces set ${input.update} where id = $1`, [workspace.id])
    expect((await workspaceOf(workspace.id)).next_start_at).toEqual(instant(expected.next_start_at))
    expect((await workspaceOf(neighbour.id)).next_start_at).toEqual(epoch)
  })
})

describe("deadline_check_constraint", () => {
  test.each(groups.deadline_check_constraint)("$id $name", async ({ input, expected }) => {
    const owner = await givenUser()
    const { build } = await givenWorkspace(owner, await givenTemplate(owner))
    const write = query(
      "update workspace_builds set deadline = $2, max_deadline = $3 where id = $1",
      [build.id, instant(input.deadline), instant(input.max_deadline)],
    )
    if (expected.result === "accepted") await write
    else await expect(write).rejects.toThrow("workspace_builds_deadline_below_max_deadline")
  })
})

describe("next_start_at_recompute", () => {
  type Case = {
    id: string
    name: string
    input: {
      tick_truncated_to_minute: string
      autostart_schedule: string
      template_autostart_days_bitmap?: number
      next_start_at: string | null
    }
    expected: { next_start_at_written: string | null }
  }

  test.each(rowsOf<Case>("next_start_at_recompute"))("$id $name", async ({ input, expected }) => {
    const now = new Date(input.tick_truncated_to_minute)
    const owner = await givenUser()
    const template = await givenTemplate(owner, {
      columns: { autostart_days: input.template_autostart_days_bitmap ?? 127 },
    })
    // A running workspace: a stopped one whose next start has passed is started.
    const { id } = await givenWorkspace(owner, template, {
      columns: {
        autostart_schedule: input.autostart_schedule,
        next_start_at: instant(input.next_start_at),
        last_used_at: now,
      },
      build: { transition: "start", at: new Date(now.getTime() - 3_600_000) },
    })
    await tick(now)
    const written = expected.next_start_at_written ?? input.next_start_at
    expect((await workspaceOf(id)).next_start_at).toEqual(instant(written))
  })
})

test("a next start on a day that was blocked by hand is computed again", async () => {
  await givenProvisioner({ columns: { last_seen_at: afterEpoch(3_600_000) } })
  const owner = await givenUser()
  const template = await givenTemplate(owner)
  const nextStartAt = afterEpoch(3_600_000)
  const { id } = await givenWorkspace(owner, template, {
    columns: {
      autostart_schedule: "CRON_TZ=UTC 0 10 * * *",
      next_start_at: nextStartAt,
      last_used_at: epoch,
    },
    build: { transition: "stop" },
  })
  // The epoch is a Wednesday, bit 2.
  await query("update templates set autostart_days = 127 - 4 where id = $1", [template.id])
  await tick(nextStartAt)
  expect(await workspaceOf(id)).toMatchObject({
    latest_build_number: 1,
    next_start_at: new Date("2026-03-05T10:00:00Z"),
  })
})

test("a next start in a zone that the database does not know is trusted", async () => {
  const [row] = await query(
    "select is_allowed_start($1, 'CRON_TZ=Nowhere/Else 0 9 * * *', 0) as is_allowed",
    [epoch],
  )
  expect(row.is_allowed).toBe(true)
})
