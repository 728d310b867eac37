// Permission checks in advance agree with what the routes allow.
import { describe, expect, test } from "vitest"
import { api } from "../harness.ts"
import { defaultOrganization, givenUser } from "../given-people.ts"

const ask = (token: string, checks: object) => api("/api/v2/authcheck", { token, body: { checks } })

test("an owner may do everything, a member may act on what they own", async () => {
  const organization = await defaultOrganization()
  const [owner, member] = [await givenUser({ roles: ["owner"] }), await givenUser()]
  const checks = {
    viewAllUsers: { object: { resource_type: "user" }, action: "read" },
    createTemplates: { object: { resource_type: "template", any_org: true }, action: "create" },
    ownWorkspace: {
      object: { resource_type: "workspace", owner_id: "me", organization_id: organization.id },
      action: "create",
    },
    otherUser: { object: { resource_type: "user", resource_id: owner.id }, action: "read" },
    self: { object: { resource_type: "user", resource_id: member.id }, action: "read" },
    missing: {
      object: { resource_type: "template", resource_id: crypto.randomUUID() },
      action: "read",
    },
    everything: { object: { resource_type: "*" }, action: "delete" },
    unknown: { object: { resource_type: "spaceship" }, action: "read" },
  }
  expect((await ask(owner.token, checks)).body).toEqual({
    viewAllUsers: true,
    createTemplates: true,
    ownWorkspace: true,
    otherUser: true,
    self: true,
    missing: false,
    everything: true,
    unknown: false,
  })
  expect((await ask(member.token, checks)).body).toEqual({
    viewAllUsers: false,
    createTemplates: false,
    ownWorkspace: true,
    otherUser: false,
    self: true,
    missing: false,
    everything: false,
    unknown: false,
  })
})

describe("400", () => {
  const check = (object: object) => ({ k: { object, action: "read" } })
  test.each([
    [check({}), 'Object\'s "resource_type" field must be defined for key "k".'],
    [check({ resource_type: "user", resource_id: "x" }), 'Object "x" is not a valid uuid.'],
    [
      check({ resource_type: "file", resource_id: crypto.randomUUID() }),
      'Object type "file" does not support "resource_id" field.',
    ],
  ])("%j", async (checks, message) => {
    const { token } = await givenUser()
    const { status, body } = await ask(token, checks)
    expect([status, body.message]).toEqual([400, message])
  })

  test("more than ten ids", async () => {
    const { token } = await givenUser()
    const object = () => ({
      object: { resource_type: "user", resource_id: crypto.randomUUID() },
      action: "read",
    })
    const checks = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`k${at}`, object()]))
    expect((await ask(token, checks)).status).toBe(400)
  })
})
