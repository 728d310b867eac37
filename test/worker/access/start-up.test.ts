// The requests of clients before their first screen, with the statuses and fields that they need.
import { describe, expect, test } from "vitest"
import { api, epoch, fetchWorker } from "../harness.ts"
import { givenKey, givenUser } from "../given-people.ts"

describe("without a token", () => {
  test.each([
    "/",
    "/buildinfo",
    "/updatecheck",
    "/entitlements",
    "/auth/scopes",
    "/users/authmethods",
  ])("200 for %s", async (path) => {
    expect((await api(`/api/v2${path}`)).status).toBe(200)
  })

  test.each(["/experiments", "/appearance", "/deployment/ssh", "/regions", "/notifications/inbox"])(
    "401 for %s",
    async (path) => {
      expect((await api(`/api/v2${path}`)).status).toBe(401)
    },
  )

  test("the version is one that clients compare, a feature is on if it is served", async () => {
    const info = await api("/api/v2/buildinfo")
    expect(info.body).toMatchObject({
      external_url: "https://dormouse.test",
      agent_api_version: "1.0",
    })
    expect(info.body.version).toMatch(/^v\d+\.\d+\.\d+\+\S+$/)
    const { features } = (await api("/api/v2/entitlements")).body
    expect(features.workspace_prebuilds).toEqual({ entitlement: "entitled", enabled: true })
    expect(features.browser_only).toEqual({ entitlement: "not_entitled", enabled: false })
  })

  test("/cli-auth is a page that cannot be framed or cached", async () => {
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
    [
      "/deployment/ssh",
      { hostname_prefix: "coder.", hostname_suffix: "coder", ssh_config_options: {} },
    ],
    ["/regions", { regions: [{ name: "primary", healthy: true }] }],
    ["/applications/host", { host: "" }],
    ["/external-auth", { providers: [], links: [] }],
    ["/notifications/inbox", { notifications: [], unread_count: 0 }],
  ])("200 for %s", async (path, expected) => {
    const { token } = await givenUser()
    const { status, body } = await api(`/api/v2${path}`, { token })
    expect(status).toBe(200)
    expect(body).toMatchObject(expected)
  })
})

test("a challenge names the metadata of the deployment", async () => {
  const { headers } = await api("/api/v2/users/me")
  expect(headers.get("WWW-Authenticate")).toContain(
    'resource_metadata="https://dormouse.test/.well-known/oauth-protected-resource"',
  )
})

test("a narrow token gets insufficient_scope, an unprivileged person does not", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const narrow = await givenKey(owner.id, {
    login_type: "token",
    token_name: "narrow",
    scopes: ["user:read"],
  })
  const ask = (token: string) => api("/api/v2/deployment/stats", { token })
  const refused = await ask(narrow)
  expect(refused.status).toBe(403)
  expect(refused.headers.get("WWW-Authenticate")).toContain('error="insufficient_scope"')
  const member = await ask((await givenUser()).token)
  expect([member.status, member.headers.get("WWW-Authenticate")]).toEqual([403, null])
})

test.each([
  ["POST", "/notifications/webhooks", { url: "not-a-url" }],
  ["POST", "/authcheck", { checks: { a: { object: { resource_type: "" }, action: "read" } } }],
  ["PUT", "/users/me/quiet-hours", { schedule: "never" }],
  ["POST", "/users/me/keys/tokens", { scope: "none" }],
  ["GET", "/insights/daus?tz_offset=x", undefined],
  ["GET", "/audit?q=nothing:here", undefined],
])("%s %s: a bad question of an expired token is 401", async (method, path, body) => {
  const { id } = await givenUser()
  const token = await givenKey(id, { expires_at: epoch })
  const answer = await api(`/api/v2${path}`, { method, token, ...(body !== undefined && { body }) })
  expect([answer.status, answer.body.detail]).toEqual([
    401,
    expect.stringContaining("API key expired at"),
  ])
})

test("an unauthenticated caller does not learn what was wrong with the request", async () => {
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
