// The audit trail: written with each change, readable with permission, searchable.
import { describe, expect, test } from "vitest"
import { api, epoch } from "../harness.ts"
import { givenOrganization, givenUser } from "../given-people.ts"
import { insertRow, unique } from "../rows.ts"

const list = (token: string, q = "", more = "") =>
  api(`/api/v2/audit?q=${encodeURIComponent(q)}${more}`, { token })

async function givenLog(columns: object = {}) {
  return insertRow("audit_logs", {
    id: crypto.randomUUID(),
    time: epoch,
    request_id: unique(8),
    resource_type: "template",
    resource_id: crypto.randomUUID(),
    resource_target: `target-${unique(6)}`,
    action: "write",
    status_code: 200,
    ...columns,
  })
}

test("a change appears with who did it, what changed and a sentence", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const member = await givenUser()
  await api(`/api/v2/users/${member.id}/roles`, {
    method: "PUT",
    token: owner.token,
    body: { roles: ["auditor"] },
  })
  const { status, body } = await list(owner.token, `resource_id:${member.id} action:write`)
  expect(status).toBe(200)
  expect(body.count).toBe(1)
  expect(body.audit_logs[0]).toMatchObject({
    resource_type: "user",
    resource_target: member.username,
    action: "write",
    description: "{user} updated user {target}",
    diff: { rbac_roles: { old: [], new: ["auditor"], secret: false } },
    user: { id: owner.id, roles: [{ name: "owner", display_name: "Owner" }] },
    is_deleted: false,
    time: "2026-03-04T09:00:00Z",
  })
  expect(JSON.stringify(body)).not.toContain("hashed_password")
})

describe("who may read", () => {
  test("403 for a member; an organization's auditor sees its rows only", async () => {
    const [here, there] = [await givenOrganization(), await givenOrganization()]
    const member = await givenUser({ organization: here })
    const auditor = await givenUser({
      organization: here,
      organizationRoles: ["organization-auditor"],
    })
    const own = await givenLog({ organization_id: here.id })
    await givenLog({ organization_id: there.id })
    expect((await list(member.token)).status).toBe(403)
    const { body } = await list(auditor.token)
    expect(body.audit_logs.map((row: { id: string }) => row.id)).toEqual([own.id])
    expect(body.count).toBe(1)
  })
})

describe("searching", () => {
  test.each([
    ["template action:write", 1],
    ["resource_type:workspace", 0],
    ["date_from:2026-03-04 date_to:2026-03-04", 1],
    ["date_from:2026-03-05", 0],
    ["date_to:2026-03-03", 0],
    ["build_reason:autostart", 1],
  ])("%s finds %i", async (q, expected) => {
    const organization = await givenOrganization()
    const auditor = await givenUser({ organization, organizationRoles: ["organization-auditor"] })
    await givenLog({
      organization_id: organization.id,
      additional_fields: { build_reason: "autostart" },
    })
    expect((await list(auditor.token, q)).body.audit_logs).toHaveLength(expected)
  })

  test("pages newest first", async () => {
    const organization = await givenOrganization()
    const auditor = await givenUser({ organization, organizationRoles: ["organization-auditor"] })
    for (const minute of [1, 2, 3]) {
      await givenLog({
        organization_id: organization.id,
        time: new Date(epoch.getTime() - minute * 60_000),
      })
    }
    const { body } = await list(auditor.token, "", "&limit=1&offset=1")
    expect(body.count).toBe(3)
    expect(body.audit_logs).toMatchObject([{ time: "2026-03-04T08:58:00Z" }])
  })

  test("400 names what is wrong", async () => {
    const { token } = await givenUser({ roles: ["auditor"] })
    const { status, body } = await list(token, "date_from:yesterday colour:red")
    expect([status, body.message]).toEqual([400, "Invalid audit search query."])
    expect(body.validations.map((one: { field: string }) => one.field)).toEqual([
      "date_from",
      "colour",
    ])
  })
})
