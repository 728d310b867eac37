// Sign-in under attack: floods, guesses, spellings, other sites.
import { createExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import worker from "../../../dev/local/worker-entry.ts"
import { hashPassword } from "../../../src/identity/sessions/password.ts"
import { givenUser } from "../given-people.ts"
import { api, query } from "../harness.ts"

const password = "correct-Horse-9-battery"
const wrongPassword = "wrong-Horse-9-battery"

async function givenAccount() {
  return givenUser({ columns: { hashed_password: await hashPassword(password) } })
}

const signIn = (email: string, tried = password, headers: Record<string, string> = {}) =>
  api("/api/v2/users/login", { method: "POST", body: { email, password: tried }, headers })

test("a flood of sign-ins gets 429 with Retry-After and disturbs no other request", async () => {
  const { token } = await givenUser()
  const flood = Array.from({ length: 40 }, (_, index) => signIn(`nobody-${index}@example.test`))
  const [others, answers] = await Promise.all([
    Promise.all(Array.from({ length: 5 }, () => api("/api/v2/users/me", { token }))),
    Promise.all(flood),
  ])
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused.length).toBeGreaterThanOrEqual(20)
  expect(refused.every(({ headers }) => headers.get("Retry-After") === "2")).toBe(true)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]))
})

test("the limit of an account counts the account, in every spelling of its address", async () => {
  const account = await givenAccount()
  await query("update users set email = $2 where id = $1", [account.id, "limit@example.test"])
  const counted: string[] = []
  const limiter = {
    limit: async ({ key }: { key: string }) => {
      counted.push(key)
      return { success: false }
    },
  }
  for (const email of [
    "limit@example.test",
    "LIMIT@example.test",
    "L\u0130M\u0130T@example.test",
  ]) {
    const response = await worker.fetch(
      new Request("https://dormouse.test/api/v2/users/login", {
        method: "POST",
        body: JSON.stringify({ email, password }),
      }) as never,
      { ...env, RATE_LIMIT_LOGIN: limiter },
      createExecutionContext(),
    )
    expect(response.status).toBe(429)
  }
  expect(counted).toEqual(Array.from({ length: 3 }, () => `account:${account.id}`))
})

test("a refused sign-in to an account is audited, one to an unknown address is not", async () => {
  const account = await givenAccount()
  expect((await signIn(account.email, wrongPassword)).status).toBe(401)
  const before = await query("select count(*)::int as count from audit_logs")
  expect((await signIn("nobody@example.test")).status).toBe(401)
  expect(await query("select count(*)::int as count from audit_logs")).toEqual(before)
  const rows = await query(
    "select action, status_code, resource_type, user_id from audit_logs where resource_id = $1",
    [account.id],
  )
  expect(rows).toEqual([
    { action: "login", status_code: 401, resource_type: "api_key", user_id: account.id },
  ])
})

describe("another site", () => {
  test.each([
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    { Origin: "https://evil.test" },
    { Origin: "null" },
  ])("cannot sign a visitor in with %j", async (headers: Record<string, string>) => {
    const account = await givenAccount()
    const answer = await signIn(account.email, password, headers)
    expect(answer.status).toBe(400)
    expect(answer.headers.get("Set-Cookie")).toBe(null)
    expect(answer.body.message).toContain("CSRF token")
  })

  test("cannot sign a visitor out", async () => {
    const { token } = await givenUser()
    const headers = { Cookie: `coder_session_token=${token}`, "Sec-Fetch-Site": "cross-site" }
    const answer = await api("/api/v2/users/logout", { method: "POST", headers })
    expect(answer.status).toBe(400)
    expect((await api("/api/v2/users/me", { token })).status).toBe(200)
  })

  test("our own page signs a visitor in", async () => {
    const account = await givenAccount()
    const headers = { "Sec-Fetch-Site": "same-origin", Origin: "https://dormouse.test" }
    expect((await signIn(account.email, password, headers)).status).toBe(201)
  })
})

test("guesses of the old password count against the account", async () => {
  const account = await givenAccount()
  const counted: string[] = []
  const limiter = {
    limit: async ({ key }: { key: string }) => {
      counted.push(key)
      return { success: false }
    },
  }
  const response = await worker.fetch(
    new Request("https://dormouse.test/api/v2/users/me/password", {
      method: "PUT",
      headers: { "Coder-Session-Token": account.token },
      body: JSON.stringify({ password: "another-Horse-7-stable", old_password: wrongPassword }),
    }) as never,
    { ...env, RATE_LIMIT_LOGIN: limiter },
    createExecutionContext(),
  )
  expect(response.status).toBe(429)
  expect(counted).toEqual([`account:${account.id}`])
})
