// Sessions and tokens: what creates them bounds them, and nobody has too many.
import { describe, expect, test } from "vitest"
import { givenKey, givenUser } from "../given-people.ts"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"

const dayMs = 24 * 60 * 60_000

describe("a session that a token creates", () => {
  async function given() {
    const person = await givenUser()
    const tokenName = `t-${crypto.randomUUID().slice(0, 8)}`
    const token = await givenKey(person.id, {
      login_type: "token",
      token_name: tokenName,
      expires_at: afterEpoch(2 * dayMs),
    })
    const { body } = await api("/api/v2/users/me/keys", { method: "POST", token })
    return { token, session: body.key as string }
  }
  const statusOf = async (token: string) => (await api("/api/v2/users/me", { token })).status

  test("ends when the token does, however much it is used", async () => {
    const { session } = await given()
    expect(await statusOf(session)).toBe(200)
    at(afterEpoch(1.5 * dayMs))
    expect(await statusOf(session)).toBe(200)
    at(afterEpoch(2 * dayMs))
    expect(await statusOf(session)).toBe(401)
    at(epoch)
  })

  test("ends when the token is deleted or ended early", async () => {
    for (const [method, path] of [
      ["DELETE", ""],
      ["PUT", "/expire"],
    ]) {
      const { token, session } = await given()
      const id = token.slice(0, 10)
      const ended = await api(`/api/v2/users/me/keys/${id}${path}`, { method: method ?? "", token })
      expect(ended.status).toBe(204)
      expect(await statusOf(session)).toBe(401)
    }
  })
})

test("the tokens of a person who becomes an owner live a week at most", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const person = await givenUser()
  await givenKey(person.id, { login_type: "token", token_name: "old" })
  const roles = { method: "PUT", token: owner.token, body: { roles: ["owner"] } }
  expect((await api(`/api/v2/users/${person.id}/roles`, roles)).status).toBe(200)
  const [key] = await query(
    "select expires_at = created_at + interval '7 days' as is_bounded from api_keys where user_id = $1 and login_type = 'token'",
    [person.id],
  )
  expect(key.is_bounded).toBe(true)
})

test("a person has at most 200 live keys", async () => {
  const person = await givenUser()
  await query(
    `insert into api_keys (id, user_id, hashed_secret, login_type, token_name, lifetime_seconds,
        expires_at, created_at, updated_at)
      select 'many-' || lpad(n::text, 5, '0'), $1, sha256('x'), 'token', 'n-' || n, 60, $2, $3, $3
      from generate_series(1, 199) n`,
    [person.id, afterEpoch(dayMs), epoch],
  )
  const answer = await api("/api/v2/users/me/keys", { method: "POST", token: person.token })
  expect(answer.status).toBe(409)
  expect(answer.body.message).toContain("200")
})
