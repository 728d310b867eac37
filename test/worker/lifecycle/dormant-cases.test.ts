// Dormancy over HTTP, row by row of `api_dormant`: marking, waking, and what builds do to it.
import { describe, expect, test } from "vitest"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api, at, epoch, query } from "../harness.ts"
import { groups } from "./executor-cases.ts"

type Case = {
  id: string
  name: string
  input: {
    now?: string
    requester?: string
    dormant?: boolean
    dormant_at?: string
    latest_transition?: "start" | "stop"
    body?: { dormant: boolean }
    request?: string
    template_autodelete_seconds?: number
  }
  expected: {
    status?: number
    body?: null
    writes?: number
    dormant_at?: string | null
    deleting_at?: string | null
    last_used_at?: string
    audit_logs?: string[]
    notifications?: { template: string; labels: Record<string, string> }[]
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the data is fixed and the test checks what it reads
const rows = groups.api_dormant as unknown as Case[]
const earlierAt = "2024-01-01T11:00:00Z"

const workspaceOf = async (id: string) =>
  (await query("select * from workspaces where id = $1", [id]))[0]

/** `unchanged`, an instant, or none. */
const expectedInstant = (value: string | null | undefined, before: Date | null) =>
  value === "unchanged" ? before : value === null || value === undefined ? null : new Date(value)

describe("api_dormant", () => {
  test.each(rows)("$id $name", async ({ input, expected }) => {
    const now = new Date(input.now ?? "2024-01-01T12:00:00Z")
    await givenProvisioner({ columns: { last_seen_at: now } })
    const owner = await givenUser()
    const requester =
      input.requester === "another admin" ? await givenUser({ roles: ["owner"] }) : owner
    const template = await givenTemplate(owner, {
      columns: { time_til_dormant_autodelete_ms: (input.template_autodelete_seconds ?? 0) * 1000 },
    })
    const dormantAt = input.dormant_at ?? (input.dormant === true ? earlierAt : null)
    const { id } = await givenWorkspace(owner, template, {
      columns: { dormant_at: dormantAt, last_used_at: earlierAt },
      build: { transition: input.latest_transition ?? "start", at: new Date(earlierAt) },
    })
    const before = await workspaceOf(id)
    at(now)
    const [, transition] = /^POST builds (start|stop)$/.exec(input.request ?? "") ?? []
    const answer =
      transition === undefined
        ? await api(`/api/v2/workspaces/${id}/dormant`, {
            method: "PUT",
            body: input.body,
            token: requester.token,
          })
        : await api(`/api/v2/workspaces/${id}/builds`, {
            body: { transition },
            token: requester.token,
          })
    at(epoch)
    expect(answer.status).toBe(expected.status ?? (transition === undefined ? 200 : 201))
    if (expected.body === null) expect(answer.text).toBe("")
    const after = await workspaceOf(id)
    if ("dormant_at" in expected) {
      expect(after.dormant_at).toEqual(expectedInstant(expected.dormant_at, before.dormant_at))
    }
    if ("deleting_at" in expected) {
      expect(after.deleting_at).toEqual(expectedInstant(expected.deleting_at, before.deleting_at))
    }
    if ("last_used_at" in expected) {
      expect(after.last_used_at).toEqual(
        expectedInstant(expected.last_used_at, before.last_used_at),
      )
    }
    if (expected.writes === 0) {
      expect(after).toEqual(before)
      expect(await query("select id from audit_logs where resource_id = $1", [id])).toEqual([])
    }
    if (expected.audit_logs !== undefined) await expectAudits(id, owner.id, expected.audit_logs)
    if (expected.notifications !== undefined) {
      const notices = await query(
        "select template_id as template, labels from notification_messages where $1 = any(targets)",
        [id],
      )
      expect(notices.length).toBe(expected.notifications.length)
      expect(notices).toMatchObject(expected.notifications)
    }
  })
})

/** The waking is recorded with the request, the build when its job has ended. */
async function expectAudits(id: string, ownerId: string, expected: string[]): Promise<void> {
  const [waking] = await query(
    "select action || ' ' || resource_type as what from audit_logs where resource_id = $1",
    [id],
  )
  const [build] = await query(
    `select transition || ' workspace_build' as what, initiator_id from workspace_builds b
     join workspaces w on w.latest_build_id = b.id where w.id = $1`,
    [id],
  )
  expect([waking.what, build.what]).toEqual(expected)
  expect(build.initiator_id).toBe(ownerId)
}
