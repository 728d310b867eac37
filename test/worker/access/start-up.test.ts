// What clients ask before their first screen: the statuses and fields without which each gives up (clients.md).
import { describe, expect, test } from "vitest"
import { api, fetchWorker } from "../harness.ts"
import { givenUser } from "../given-people.ts"

describe("without a token", () => {
  test.each(["/", "/buildinfo", "/updatecheck", "/entitlements", "/auth/scopes", "/users/authmethods"])(
    "200 for %s",
    async (path) => {
      expect((await api(`/api/v2${path}`)).status).toBe(200)
    },
  )

  test.each(["/experiments", "/appearance", "/deployment/ssh", "/regions", "/notifications/inbox"])(
    "401 for %s",
    async (path) => {
      expect((await api(`/api/v2${path}`)).status).toBe(401)
    },
  )

  test("the version is one that clients compare, every feature is on", async () => {
    const info = await api("/api/v2/buildinfo")
    expect(info.body).toMatchObject({ external_url: "https://dormouse.test", agent_api_version: "1.0" })
    expect(info.body.version).toMatch(/^v\d+\.\d+\.\d+\+\S+$/)
    const { features } = (await api("/api/v2/entitlements")).body
    expect(features.workspace_prebuilds).toEqual({ entitlement: "entitled", enabled: true })
  })

  test("/cli-auth is a page that nothing can frame and no cache keeps", async () => {
    const page = await fetchWorker("/cli-auth")
    expect(page.headers.get("Content-Type")).toContain("text/html")
    expect(page.headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'")
    expect(page.headers.get("Cache-Control")).toBe("no-store")
    expect(await page.text()).toContain("Session token")
  })
})

describe("with a token", () => {
  test.each([
    ["/experiments", ["workspace-usage"]],
    ["/experiments/available", { safe: ["workspace-usage"] }],
    ["/appearance", { application_name: "Dormouse" }],
    ["/deployment/ssh", { hostname_prefix: "coder.", hostname_suffix: "coder", ssh_config_options: {} }],
    ["/regions", { regions: [{ name: "primary", healthy: true }] }],
    ["/notifications/inbox", { notifications: [], unread_count: 0 }],
  ])("200 for %s", async (path, expected) => {
    const { token } = await givenUser()
    const { status, body } = await api(`/api/v2${path}`, { token })
    expect(status).toBe(200)
    expect(body).toMatchObject(expected)
  })
})

test("a challenge says where the deployment describes itself", async () => {
  const { headers } = await api("/api/v2/users/me")
  expect(headers.get("WWW-Authenticate")).toContain(
    'resource_metadata="https://dormouse.test/.well-known/oauth-protected-resource"',
  )
})

test("who may not ask is not told what was wrong with the question", async () => {
  const expired = { "Coder-Session-Token": "abcdefghij-abcdefghijklmnopqrstuv" }
  for (const headers of [{}, expired]) {
    const answer = await api("/api/v2/workspaces/not-a-uuid", { headers })
    expect(answer.status).toBe(401)
  }
  const { token } = await givenUser()
  expect((await api("/api/v2/workspaces/not-a-uuid", { token })).body.message).toBe(
    'Invalid UUID "not-a-uuid".',
  )
})
