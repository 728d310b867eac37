// Rate limits: a flood never reaches the database and does not affect other callers.
import { createExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import worker from "../../../dev/local/worker-entry.ts"
import { givenKey, givenUser } from "../given-people.ts"
import { api } from "../harness.ts"
import { limits } from "../../../src/access/limits.ts"

const token = "abcdefghij-abcdefghijklmnopqrstuv"
const agentToken = "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11"

/**
 * One request to a Worker whose limiters refuse the given keys and whose database is unreachable.
 */
async function ask(
  path: string,
  init: RequestInit,
  refused: (name: string, key: string) => boolean,
) {
  const taken: string[] = []
  const limiter = (name: string) => ({
    limit: async ({ key }: { key: string }) => {
      taken.push(`${name} ${key}`)
      return { success: !refused(name, key) }
    },
  })
  const limiters = Object.fromEntries(Object.keys(limits).map((name) => [name, limiter(name)]))
  const response = await worker.fetch(
    new Request(`https://dormouse.test/api/v2${path}`, init) as never,
    { ...env, ...limiters, DATABASE_URL: "postgres://nobody:nothing@192.0.2.1/none" },
    createExecutionContext(),
  )
  return { status: response.status, headers: response.headers, text: await response.text(), taken }
}

describe("429", () => {
  test("counts reads and writes separately by the token's id, never by its secret", async () => {
    const headers = { "Coder-Session-Token": token }
    const read = await ask("/workspaces", { headers }, (name) => name === "RATE_LIMIT_READ")
    expect(read.status).toBe(429)
    expect(read.text).toBe(
      '{"message":"You\'ve been rate limited for sending more than 1200 requests in 1m0s."}\n',
    )
    expect(read.headers.get("Retry-After")).toBe("60")
    expect(read.taken).toEqual(["RATE_LIMIT_READ abcdefghij"])
    const write = await ask("/users/logout", { method: "POST", headers }, () => true)
    expect(write.taken).toEqual(["RATE_LIMIT_WRITE abcdefghij"])
  })

  test("counts the user of a key that was proven, whatever session they use", async () => {
    const user = await givenUser()
    const other = await givenKey(user.id)
    for (const token of [user.token, other]) {
      expect((await api("/api/v2/users/me", { token })).status).toBe(200)
      const headers = { "Coder-Session-Token": token }
      const { taken } = await ask("/workspaces", { headers }, () => true)
      expect(taken).toEqual([`RATE_LIMIT_READ ${user.id}`])
    }
  })

  test("counts by the address, whatever tokens it tries", async () => {
    const headers = { "Coder-Session-Token": token, "CF-Connecting-IP": "203.0.113.9" }
    const { status, taken } = await ask(
      "/workspaces",
      { headers },
      (name) => name === "RATE_LIMIT_ADDRESS",
    )
    expect([status, taken]).toEqual([429, ["RATE_LIMIT_ADDRESS 203.0.113.9"]])
  })

  test("counts an agent's token by its digest and does not count a provisioner key", async () => {
    const agent = await ask(
      "/workspaceagents/me/metadata",
      { method: "POST", headers: { "Coder-Session-Token": agentToken } },
      () => true,
    )
    expect(agent.status).toBe(429)
    expect(agent.taken).toEqual([expect.stringMatching(/^RATE_LIMIT_WRITE [0-9a-f]{32}$/)])
    const daemon = await ask(
      "/provisionerdaemons",
      { method: "POST", headers: { "Coder-Provisioner-Daemon-Key": "secret" } },
      () => true,
    )
    expect(daemon.taken).toEqual([])
  })

  test("counts sign-ins by address before the account is read", async () => {
    const { status, taken } = await ask(
      "/users/login",
      {
        method: "POST",
        headers: { "CF-Connecting-IP": "203.0.113.9" },
        body: JSON.stringify({ email: "ada@example.test", password: "x" }),
      },
      (_, key) => key === "address:203.0.113.9",
    )
    expect(status).toBe(429)
    expect(taken.at(-1)).toBe("RATE_LIMIT_LOGIN address:203.0.113.9")
  })
})

describe("X-Coder-Bypass-Ratelimit", () => {
  /** A request to a Worker with a database, whose limiters refuse every token. */
  async function askPastLimit(token: string, value: string) {
    const limiter = (success: boolean) => ({ limit: async () => ({ success }) })
    const request = new Request("https://dormouse.test/api/v2/users/me", {
      headers: { "Coder-Session-Token": token, "X-Coder-Bypass-Ratelimit": value },
    })
    const limiters = { RATE_LIMIT_READ: limiter(false), RATE_LIMIT_ADDRESS: limiter(true) }
    const response = await worker.fetch(
      request as never,
      { ...env, ...limiters },
      createExecutionContext(),
    )
    return { status: response.status, text: await response.text() }
  }

  test("lets only an owner pass", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    expect((await askPastLimit(owner.token, "true")).status).toBe(200)
    expect((await askPastLimit(owner.token, "false")).status).toBe(429)
    const admin = await givenUser({ roles: ["user-admin"] })
    const { status, text } = await askPastLimit(admin.token, "true")
    expect(status).toBe(403)
    expect(text).toContain("is for owners")
    expect((await askPastLimit("abcdefghij-abcdefghijklmnopqrstuv", "true")).status).toBe(401)
  })
})

test("a request without a token counts against no token", async () => {
  const { status, taken } = await ask("/workspaces", {}, () => true)
  expect([status, taken]).toEqual([401, []])
})
