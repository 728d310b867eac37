// Inputs at the edge: names that JavaScript objects inherit, and numbers and dates out of range.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { api } from "../harness.ts"

const inherited = ["constructor", "toString", "__proto__", "valueOf", "hasOwnProperty"]

test.each(inherited)("%s is no platform, scope, resource type or organization", async (word) => {
  const { token } = await givenUser()
  expect((await api(`/api/v2/init-script/${word}/amd64`)).status).toBe(400)
  expect((await api(`/api/v2/init-script/linux/${word}`)).status).toBe(400)
  const scoped = await api("/api/v2/users/me/keys/tokens", { token, body: { scopes: [word] } })
  expect(scoped.status).toBe(400)
  const checks = (object: object) =>
    api("/api/v2/authcheck", { token, body: { checks: { one: { object, action: "read" } } } })
  const asked = await checks({ resource_type: "workspace", organization_id: word })
  expect([asked.status, asked.body]).toEqual([200, { one: false }])
  const id = crypto.randomUUID()
  expect((await checks({ resource_type: word, resource_id: id })).status).toBe(400)
})

test.each([1e300, 1e30, Number.MAX_SAFE_INTEGER * 4_096])(
  "a token cannot live for %d ns",
  async (lifetime) => {
    const { token } = await givenUser()
    const { status, body } = await api("/api/v2/users/me/keys/tokens", {
      token,
      body: { lifetime },
    })
    expect([status, body.message]).toEqual([400, "Failed to validate create API key request."])
  },
)

test.each([
  ["date_to:9999-12-31", 200],
  ["date_from:2024-11-30", 200],
  ["date_from:2024-11-31", 400],
  ["date_from:2023-02-29", 400],
  ["action:write", 200],
  ["action:explode", 400],
  ["action:constructor", 400],
])("the audit search %s answers %d", async (q, status) => {
  const { token } = await givenUser({ roles: ["auditor"] })
  expect((await api(`/api/v2/audit?q=${q}`, { token })).status).toBe(status)
})
