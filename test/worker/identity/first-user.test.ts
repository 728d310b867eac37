// Creation of the first user, then signing in and out.
import { describe, expect, test } from "vitest"
import { afterEpoch, api, at, epoch, query } from "../harness.ts"
import { givenUser } from "../given-people.ts"

const setup = { "X-Setup-Token": "setup-token-of-the-tests" }
const person = { email: "ada@example.test", username: "ada", password: "correct-Horse-9-battery" }
const hourMs = 3_600_000

// One story in order: the gate closes for the whole file.
describe("the first user", () => {
  test("404 before there is one", async () => {
    const { status, body } = await api("/api/v2/users/first")
    expect([status, body.message]).toEqual([404, "The initial user has not been created!"])
  })

  test.each([
    {},
    { "X-Setup-Token": "guess" },
    { "Coder-Session-Token": "setup-token-of-the-test" },
  ])("401 without the setup token: %j", async (headers) => {
    expect((await api("/api/v2/users/first", { body: person, headers })).status).toBe(401)
  })

  test("400 with a weak password", async () => {
    const { status, body } = await api("/api/v2/users/first", {
      body: { ...person, password: "12345678" },
      headers: setup,
    })
    expect([status, body.message]).toEqual([400, "Password is invalid"])
    expect(body.validations[0].field).toBe("password")
  })

  test("400 names every field that breaks a rule", async () => {
    const { status, body } = await api("/api/v2/users/first", {
      body: { email: "nobody", username: "-" },
      headers: setup,
    })
    expect(status).toBe(400)
    expect(body).toEqual({
      message: "Validation failed.",
      validations: [
        { field: "email", detail: 'Validation failed for tag "email" with value: "nobody"' },
        { field: "username", detail: 'Validation failed for tag "username" with value: "-"' },
        { field: "password", detail: 'Validation failed for tag "required" with value: ""' },
      ],
    })
  })

  test("of two at once, one is made", async () => {
    const answers = await Promise.all(
      ["ada", "eve"].map((username) =>
        api("/api/v2/users/first", {
          body: { ...person, username, email: `${username}@example.test` },
          headers: setup,
        }),
      ),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409])
    const users = await query("select username, site_roles, status from users where not is_system")
    expect(users).toHaveLength(1)
    expect(users[0]).toMatchObject({ site_roles: ["owner"], status: "active" })
    await query("update users set username = 'ada', email = 'ada@example.test' where not is_system")
  })

  test("409 without the setup token too, after the first user exists", async () => {
    const { status, body } = await api("/api/v2/users/first", { body: person })
    expect([status, body.message]).toEqual([409, "The initial user has already been created."])
  })

  test("409 afterwards, even if all users are deleted", async () => {
    await query("update users set deleted = true where username = 'ada'")
    const { status, body } = await api("/api/v2/users/first", { body: person, headers: setup })
    expect([status, body.message]).toEqual([409, "The initial user has already been created."])
    expect((await api("/api/v2/users/first")).status).toBe(200)
    await query("update users set deleted = false where username = 'ada'")
  })
})

describe("signing in", () => {
  const signIn = (email: string, password: string) =>
    api("/api/v2/users/login", { body: { email, password } })

  test("201 with a token that works, by e-mail in any case, and cookies", async () => {
    const { status, body, headers } = await signIn("ADA@example.test", person.password)
    expect(status).toBe(201)
    expect(body.session_token).toMatch(/^[A-Za-z0-9]{10}-[A-Za-z0-9]{22}$/)
    expect(headers.get("Set-Cookie")).toMatch(
      /coder_session_token=\S+; Max-Age=31536000; Path=\/; HttpOnly/,
    )
    const me = await api("/api/v2/users/me", { token: body.session_token })
    expect(me.status).toBe(200)
    expect(me.body).toMatchObject({
      username: "ada",
      status: "active",
      roles: [{ name: "owner", display_name: "Owner" }],
      has_ai_seat: false,
    })
    expect(me.body.organization_ids).toHaveLength(1)
    const organizations = await api("/api/v2/organizations", { token: body.session_token })
    expect(organizations.body).toMatchObject([{ name: "default", is_default: true }])
  })

  test("the same 401 for a wrong password and for nobody", async () => {
    const wrong = await signIn("ada@example.test", "correct-Horse-8-battery")
    const nobody = await signIn("nobody@example.test", person.password)
    expect([wrong.status, wrong.text]).toEqual([401, nobody.text])
    expect(nobody.body.message).toBe("Incorrect email or password.")
  })

  test("401 with its own words for the suspended, only after the right password", async () => {
    const user = await givenUser()
    await query(
      `update users set status = 'suspended', hashed_password =
          (select hashed_password from users where username = 'ada') where id = $1`,
      [user.id],
    )
    expect((await signIn(user.email, "wrong")).body.message).toBe("Incorrect email or password.")
    const { status, body } = await signIn(user.email, person.password)
    expect(status).toBe(401)
    expect(body.message).toContain("suspended")
  })

  test("403 for an account that signs in another way", async () => {
    const { email } = await givenUser({ columns: { login_type: "none" } })
    const { status, body } = await signIn(email, person.password)
    expect([status, body.message]).toEqual([
      403,
      expect.stringContaining('user is of login type "none"'),
    ])
  })

  test("a dormant user wakes by signing in", async () => {
    const user = await givenUser({ columns: { status: "dormant" } })
    await query(
      "update users set hashed_password = (select hashed_password from users where username = 'ada') where id = $1",
      [user.id],
    )
    const { status, body } = await signIn(user.email, person.password)
    expect(status).toBe(201)
    expect((await api("/api/v2/users/me", { token: body.session_token })).body.status).toBe(
      "active",
    )
  })

  test("a session slides while it is used and ends 24 hours after its last use", async () => {
    const token = (await signIn("ada@example.test", person.password)).body.session_token
    const statusAt = async (ms: number) => {
      at(afterEpoch(ms))
      const { status } = await api("/api/v2/users/me", { token })
      at(epoch)
      return status
    }
    expect(await statusAt(23 * hourMs)).toBe(200)
    expect(await statusAt(47 * hourMs - 1)).toBe(200)
    expect(await statusAt(71 * hourMs - 1)).toBe(401)
  })

  test("logout ends the session", async () => {
    const token = (await signIn("ada@example.test", person.password)).body.session_token
    const { status, body } = await api("/api/v2/users/logout", { method: "POST", token })
    expect([status, body.message]).toEqual([200, "Logged out!"])
    const after = await api("/api/v2/users/me", { token })
    expect([after.status, after.body.detail]).toEqual([401, "API key is invalid."])
  })
})
