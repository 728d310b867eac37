// Keys and tokens: creation, narrowing, listing, ending.
import { describe, expect, test } from "vitest"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"
import { givenKey, givenUser } from "../given-people.ts"

const hourMs = 3_600_000
const weekNs = 7 * 24 * 3600 * 1e9

const makeToken = (token: string, body: object, user = "me") =>
  api(`/api/v2/users/${user}/keys/tokens`, { token, body })

describe("a token", () => {
  test("works, is shown without its secret, and never extends itself", async () => {
    const { id, token } = await givenUser()
    const made = await makeToken(token, { token_name: "ci", lifetime: 2 * 3600 * 1e9 })
    expect(made.status).toBe(201)
    const { body } = await api("/api/v2/users/me/keys/tokens/ci", { token })
    expect(body).toEqual({
      id: made.body.key.slice(0, 10),
      user_id: id,
      last_used: "1970-01-01T00:00:00Z",
      expires_at: "2026-03-04T11:00:00Z",
      created_at: "2026-03-04T09:00:00Z",
      updated_at: "2026-03-04T09:00:00Z",
      login_type: "token",
      scope: "all",
      scopes: ["coder:all"],
      token_name: "ci",
      lifetime_seconds: 7200,
      allow_list: ["*:*"],
    })
    at(afterEpoch(2 * hourMs - 1))
    expect((await api("/api/v2/users/me", { token: made.body.key })).status).toBe(200)
    at(afterEpoch(2 * hourMs))
    const expired = await api("/api/v2/users/me", { token: made.body.key })
    at(epoch)
    expect([expired.status, expired.body.detail]).toEqual([
      401,
      'API key expired at "2026-03-04T11:00:00Z".',
    ])
  })

  test("409 for a name twice", async () => {
    const { token } = await givenUser()
    expect((await makeToken(token, { token_name: "twice" })).status).toBe(201)
    const { status, body } = await makeToken(token, { token_name: "twice" })
    expect([status, body.validations[0].field]).toEqual([409, "name"])
  })

  test("of an owner lives a week at most, of a member longer", async () => {
    const [owner, member] = [await givenUser({ roles: ["owner"] }), await givenUser()]
    expect((await makeToken(owner.token, { lifetime: weekNs })).status).toBe(201)
    expect((await makeToken(owner.token, { lifetime: weekNs + 1e9 })).body.message).toBe(
      "Failed to validate create API key request.",
    )
    expect((await makeToken(member.token, { lifetime: 52 * weekNs })).status).toBe(201)
    expect((await makeToken(member.token, { lifetime: -1 })).status).toBe(400)
    const config = await api("/api/v2/users/me/keys/tokens/tokenconfig", { token: owner.token })
    expect(config.body.max_token_lifetime).toBe(weekNs)
  })

  test.each([
    { scope: "everything" },
    { scopes: ["workspace:fly"] },
    { allow_list: ["workspace"] },
    { allow_list: ["spaceship:*"] },
  ])("400 for %j", async (body) => {
    const { token } = await givenUser()
    const answer = await makeToken(token, body)
    expect([answer.status, answer.body.message]).toEqual([400, "Failed to create API key."])
  })

  test("with a narrow scope does only that, and cannot make a wider one", async () => {
    const { token } = await givenUser({ roles: ["owner"] })
    const narrow = (
      await makeToken(token, { scopes: ["workspace:read", "api_key:create", "user:read"] })
    ).body.key
    expect((await api("/api/v2/workspaces", { token: narrow })).status).toBe(200)
    expect((await api("/api/v2/organizations/default", { token: narrow })).status).toBe(404)
    expect((await makeToken(narrow, {})).status).toBe(403)
    expect((await makeToken(narrow, { scopes: ["template:read"] })).status).toBe(403)
    expect((await makeToken(narrow, { scopes: ["workspace:read"] })).status).toBe(201)
    expect((await api("/api/v2/users/me/keys", { method: "POST", token: narrow })).status).toBe(403)
  })

  test("with an allow list reaches only what it names", async () => {
    const [user, other] = [await givenUser({ roles: ["owner"] }), await givenUser()]
    const narrow = (await makeToken(user.token, { allow_list: [`user:${user.id}`] })).body.key
    expect((await api("/api/v2/users/me", { token: narrow })).status).toBe(200)
    expect((await api(`/api/v2/users/${other.id}`, { token: narrow })).status).toBe(404)
  })
})

describe("keys", () => {
  test("a program's session lives a week and extends itself", async () => {
    const { token } = await givenUser()
    const { status, body } = await api("/api/v2/users/me/keys", { method: "POST", token })
    expect(status).toBe(201)
    const key = await api(`/api/v2/users/me/keys/${body.key.slice(0, 10)}`, { token })
    expect(key.body).toMatchObject({
      login_type: "password",
      lifetime_seconds: 7 * 24 * 3600,
      token_name: "",
    })
    expect((await api("/api/v2/users/me", { token: body.key })).status).toBe(200)
  })

  test("end and are deleted; another person's keys answer 404", async () => {
    const [user, stranger] = [await givenUser(), await givenUser()]
    const made = (await makeToken(user.token, { token_name: "short" })).body.key
    const path = (who: string) => `/api/v2/users/${who}/keys/${made.slice(0, 10)}`
    expect((await api(path(user.id), { token: stranger.token })).status).toBe(404)
    expect((await api(path("me"), { method: "DELETE", token: stranger.token })).status).toBe(404)
    const expire = () => api(`${path("me")}/expire`, { method: "PUT", token: user.token })
    expect((await expire()).status).toBe(204)
    expect((await expire()).status).toBe(204)
    expect((await api("/api/v2/users/me", { token: made })).status).toBe(401)
    const list = (q = "") => api(`/api/v2/users/me/keys/tokens${q}`, { token: user.token })
    expect((await list()).body).toEqual([])
    expect((await list("?include_expired=true")).body).toMatchObject([{ username: user.username }])
    expect((await api(path("me"), { method: "DELETE", token: user.token })).status).toBe(204)
    expect((await api(path("me"), { method: "DELETE", token: user.token })).status).toBe(404)
  })

  test("only their hash is kept", async () => {
    const { id, token } = await givenUser()
    const made = (await makeToken(token, { token_name: "hidden" })).body.key
    const rows = await query("select to_jsonb(k) as row from api_keys k where user_id = $1", [id])
    expect(JSON.stringify(rows)).not.toContain(made.slice(11))
  })
})

describe("the five places of a token", () => {
  const places = (token: string) => [
    { headers: { Cookie: `coder_session_token=${token}` } },
    { query: `?coder_session_token=${token}` },
    { headers: { "Coder-Session-Token": token } },
    { headers: { Authorization: `Bearer ${token}` } },
    { query: `?access_token=${token}` },
  ]

  test("each one suffices, and the first one that is set counts", async () => {
    const { token } = await givenUser()
    for (const { headers = {}, query = "" } of places(token)) {
      expect((await api(`/api/v2/users/me${query}`, { headers })).status).toBe(200)
    }
    const both = { "Coder-Session-Token": token, Authorization: "Bearer of-somebody-else" }
    expect((await api("/api/v2/users/me", { headers: both })).status).toBe(200)
    const wrongFirst = { Cookie: "coder_session_token=nonsense", "Coder-Session-Token": token }
    expect((await api("/api/v2/users/me", { headers: wrongFirst })).status).toBe(401)
  })

  test.each([
    ["", 'Cookie "coder_session_token" or query parameter must be provided.'],
    ["abc", "Invalid API key format: incorrect amount of API key parts, expected 2 got 1"],
    ["a-b-c", "Invalid API key format: incorrect amount of API key parts, expected 2 got 3"],
    ["abc-def", "Invalid API key format: invalid API key ID length, expected 10 got 3"],
    ["abcdefghij-def", "Invalid API key format: invalid API key secret length, expected 22 got 3"],
    ["abcdefghij-abcdefghijklmnopqrstuv", "API key is invalid."],
  ])("401 for %j", async (token, detail) => {
    const { status, body, headers } = await api("/api/v2/users/me", { token })
    expect(status).toBe(401)
    expect(body).toEqual({
      message: "You are signed out or your session has expired. Please sign in again to continue.",
      detail,
    })
    expect(headers.get("WWW-Authenticate")).toMatch(
      /^Bearer realm="coder", error="invalid_token", error_description="/,
    )
  })

  test("401 for a wrong secret", async () => {
    const { id } = await givenUser()
    const token = await givenKey(id)
    const { status, body } = await api("/api/v2/users/me", {
      token: `${token.slice(0, 11)}${"x".repeat(22)}`,
    })
    expect([status, body.detail]).toEqual([401, "API key secret is invalid."])
  })
})

describe("a request that authenticates by its cookie alone", () => {
  const call = async (headers: Record<string, string>) => {
    const { token } = await givenUser()
    return api("/api/v2/users/me/keys", {
      method: "POST",
      headers: { Cookie: `coder_session_token=${token}`, ...headers },
    })
  }

  test.each([
    {},
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    { Origin: "https://evil.test" },
    { "X-CSRF-TOKEN": "guess" },
  ])("gets a 400 in the API's shape with %j", async (headers) => {
    const answer = await call(headers)
    expect(answer.status).toBe(400)
    expect(answer.body.message).toContain("CSRF token")
  })

  test.each([{ "Sec-Fetch-Site": "same-origin" }, { Origin: "https://dormouse.test" }])(
    "passes with %j",
    async (headers) => {
      expect((await call(headers)).status).toBe(201)
    },
  )
})
