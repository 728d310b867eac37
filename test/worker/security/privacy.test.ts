// What a person or a token can learn of others.
import { describe, expect, test } from "vitest"
import { givenKey, givenUser } from "../given-people.ts"
import { api } from "../harness.ts"

test("shared_with_user answers the same for a hidden and for an unknown name", async () => {
  const { token } = await givenUser()
  const hidden = await givenUser()
  const ask = (name: string) => api(`/api/v2/workspaces?q=shared_with_user:${name}`, { token })
  const [first, second] = [await ask(hidden.username), await ask("nobody-here")]
  expect([first.status, second.status]).toEqual([400, 400])
  const text = (answer: typeof first) =>
    JSON.stringify(answer.body).replaceAll(hidden.username, "nobody-here")
  expect(text(first)).toBe(text(second))
})

test("the parameter values of a person are hidden from those who may only read them", async () => {
  const person = await givenUser()
  const admin = await givenUser({ roles: ["template-admin"] })
  const path = `/api/v2/users/${person.id}/autofill-parameters?template_id=${crypto.randomUUID()}`
  expect((await api(path, { token: admin.token })).status).toBe(403)
  expect((await api(path, { token: person.token })).status).toBe(200)
})

describe("a token without the scope of the inbox", () => {
  test.each([
    ["GET", "/notifications/inbox"],
    ["PUT", "/notifications/inbox/mark-all-as-read"],
  ])("gets 403 for %s %s", async (method, path) => {
    const person = await givenUser()
    const token = await givenKey(person.id, { scopes: "{template:read}", login_type: "token" })
    const answer = await api(`/api/v2${path}`, { method, token })
    expect(answer.status).toBe(403)
    expect(answer.headers.get("WWW-Authenticate")).toContain("insufficient_scope")
  })
})
