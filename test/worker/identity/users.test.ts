// Users over HTTP: who may see, create and change whom.
import { describe, expect, test } from "vitest"
import { api, query } from "../harness.ts"
import { givenOrganization, givenUser, givenKey } from "../given-people.ts"
import { unique } from "../rows.ts"

const password = "correct-Horse-9-battery"
const put = (path: string, token: string, body?: unknown) =>
  api(`/api/v2${path}`, { method: "PUT", token, ...(body === undefined ? {} : { body }) })
const newUser = (columns: object = {}) => {
  const username = `new-${unique(8)}`
  return {
    username,
    email: `${username}@example.test`,
    password,
    organization_ids: ["default"],
    ...columns,
  }
}

describe("reading", () => {
  test("a member sees only themselves; an auditor sees everyone but system users", async () => {
    const [member, auditor] = [await givenUser(), await givenUser({ roles: ["auditor"] })]
    const own = await api("/api/v2/users", { token: member.token })
    expect(own.body).toMatchObject({ count: 1, users: [{ id: member.id }] })
    expect((await api(`/api/v2/users/${auditor.username}`, { token: member.token })).status).toBe(
      404,
    )
    const all = await api("/api/v2/users", { token: auditor.token })
    expect(all.body.count).toBeGreaterThanOrEqual(2)
    expect(all.text).not.toContain("prebuilds")
    expect((await api("/api/v2/users/prebuilds", { token: auditor.token })).status).toBe(404)
  })

  test("the list searches, pages and counts over the whole filter", async () => {
    const owner = await givenUser({ roles: ["owner"] })
    const mark = unique(6)
    for (const at of [1, 2, 3]) await givenUser({ columns: { username: `find-${mark}-${at}` } })
    const page = await api(`/api/v2/users?q=${mark}&limit=2&offset=1`, { token: owner.token })
    expect(page.body.count).toBe(3)
    expect(page.body.users.map((user: { username: string }) => user.username)).toEqual([
      `find-${mark}-2`,
      `find-${mark}-3`,
    ])
    const after = await api(`/api/v2/users?q=${mark}&after_id=${page.body.users[0].id}`, {
      token: owner.token,
    })
    expect(after.body.users).toHaveLength(1)
    const byRole = await api(`/api/v2/users?q=role:owner status:active ${owner.username}`, {
      token: owner.token,
    })
    expect(byRole.body.count).toBe(1)
  })

  test.each([
    ["status:asleep", "status"],
    ["colour:red", "colour"],
    ["created_before:yesterday", "created_before"],
    ["a:b:c", "q"],
  ])("400 for the search %s", async (q, field) => {
    const { token } = await givenUser({ roles: ["owner"] })
    const { status, body } = await api(`/api/v2/users?q=${q}`, { token })
    expect([status, body.message, body.validations[0].field]).toEqual([
      400,
      "Invalid user search query.",
      field,
    ])
  })
})

describe("making", () => {
  test("creates a dormant user, audited without a password, activated by use", async () => {
    const admin = await givenUser({ roles: ["user-admin"] })
    const wish = newUser()
    const { status, body } = await api("/api/v2/users", { token: admin.token, body: wish })
    expect([status, body.status, body.organization_ids]).toEqual([
      201,
      "dormant",
      [admin.organizationId],
    ])
    const [row] = await query("select * from audit_logs where resource_id = $1", [body.id])
    expect(row).toMatchObject({ action: "create", resource_type: "user", user_id: admin.id })
    expect(row.diff.hashed_password).toEqual({ old: "", new: "", secret: true })
    expect(JSON.stringify(row)).not.toContain("scrypt")
    const session = await api("/api/v2/users/login", { body: { email: wish.email, password } })
    expect(session.status).toBe(201)
  })

  test("403 for a member, 409 for a name or an address that is taken in another case", async () => {
    const [member, owner] = [await givenUser(), await givenUser({ roles: ["owner"] })]
    expect((await api("/api/v2/users", { token: member.token, body: newUser() })).status).toBe(403)
    const taken = await api("/api/v2/users", {
      token: owner.token,
      body: newUser({ username: member.username.toUpperCase() }),
    })
    expect([taken.status, taken.body.validations[0].field]).toEqual([409, "username"])
    const email = await api("/api/v2/users", {
      token: owner.token,
      body: newUser({ email: member.email.toUpperCase() }),
    })
    expect([email.status, email.body.validations[0].field]).toEqual([409, "email"])
  })

  test.each([
    [{ organization_ids: [] }, 400],
    [{ organization_ids: ["default", "nowhere"] }, 404],
    [{ organization_ids: ["default", "Default"] }, 201],
    [{ login_type: "none" }, 400],
    [{ password: "weak" }, 400],
    [{ login_type: "oidc" }, 400],
    [{ login_type: "none", service_account: true, password: "", email: "" }, 201],
    [{ roles: ["emperor"] }, 400],
    [{ email: "" }, 400],
  ])("%j: %i", async (columns, expected) => {
    const { token } = await givenUser({ roles: ["owner"] })
    expect((await api("/api/v2/users", { token, body: newUser(columns) })).status).toBe(expected)
  })

  test("nobody makes a user with a role that is not theirs to give", async () => {
    const admin = await givenUser({ roles: ["user-admin"] })
    const asOwner = newUser({ roles: ["owner"] })
    expect((await api("/api/v2/users", { token: admin.token, body: asOwner })).status).toBe(403)
    expect(await query("select 1 from users where username = $1", [asOwner.username])).toEqual([])
  })
})

describe("roles", () => {
  test("an owner gives and takes them; the audit says which", async () => {
    const [owner, other] = [await givenUser({ roles: ["owner"] }), await givenUser()]
    const given = await put(`/users/${other.id}/roles`, owner.token, {
      roles: ["auditor", "user-admin"],
    })
    expect(given.body.roles.map((role: { name: string }) => role.name)).toEqual([
      "auditor",
      "user-admin",
    ])
    const read = await api(`/api/v2/users/${other.id}/roles`, { token: owner.token })
    expect(read.body.roles).toEqual(["auditor", "user-admin"])
    expect((await put(`/users/${other.id}/roles`, owner.token, { roles: [] })).body.roles).toEqual(
      [],
    )
    const rows = await query("select diff from audit_logs where resource_id = $1 order by time", [
      other.id,
    ])
    expect(rows[0].diff).toMatchObject({ rbac_roles: { old: [], new: ["auditor", "user-admin"] } })
  })

  test("nobody changes their own, and no user-admin gives or takes the role owner", async () => {
    const [owner, admin, member] = [
      await givenUser({ roles: ["owner"] }),
      await givenUser({ roles: ["user-admin"] }),
      await givenUser(),
    ]
    for (const self of [owner, admin, member]) {
      const { status, body } = await put("/users/me/roles", self.token, { roles: ["owner"] })
      expect([status, body.message]).toEqual([400, "You cannot change your own roles."])
    }
    expect((await put(`/users/${member.id}/roles`, admin.token, { roles: ["owner"] })).status).toBe(
      403,
    )
    expect((await put(`/users/${owner.id}/roles`, admin.token, { roles: [] })).status).toBe(403)
    expect((await put(`/users/${owner.id}/roles`, member.token, { roles: [] })).status).toBe(404)
    const [row] = await query("select site_roles from users where id = $1", [owner.id])
    expect(row.site_roles).toEqual(["owner"])
  })
})

describe("suspending", () => {
  test("refuses the user at once, on the very next request, and lets them in again", async () => {
    const [owner, member] = [await givenUser({ roles: ["owner"] }), await givenUser()]
    expect((await put(`/users/${member.id}/status/suspend`, owner.token)).body.status).toBe(
      "suspended",
    )
    const refused = await api("/api/v2/users/me", { token: member.token })
    expect([refused.status, refused.body.message]).toEqual([
      401,
      'User is not active (status = "suspended"). Contact an admin to reactivate your account.',
    ])
    expect((await put(`/users/${member.id}/status/activate`, owner.token)).status).toBe(200)
    expect((await api("/api/v2/users/me", { token: member.token })).status).toBe(200)
  })

  test("400 for oneself and for an owner", async () => {
    const [owner, other] = [
      await givenUser({ roles: ["owner"] }),
      await givenUser({ roles: ["owner"] }),
    ]
    expect((await put("/users/me/status/suspend", owner.token)).body.message).toBe(
      "You cannot suspend yourself.",
    )
    const { status, body } = await put(`/users/${other.id}/status/suspend`, owner.token)
    expect([status, body.message]).toEqual([
      400,
      'You cannot suspend a user with the "owner" role. You must remove the role first.',
    ])
  })
})

describe("the password", () => {
  const given = async (roles: string[] = []) => {
    const owner = await givenUser({ roles: ["owner"] })
    const wish = newUser({ roles, user_status: "active" })
    const { body } = await api("/api/v2/users", { token: owner.token, body: wish })
    const login = await api("/api/v2/users/login", { body: { email: wish.email, password } })
    return { ...wish, id: body.id, token: login.body.session_token, owner }
  }

  test("changes with the old one, and ends every session", async () => {
    const user = await given()
    const other = await givenKey(user.id)
    const change = (body: unknown) => put("/users/me/password", user.token, body)
    const next = "another-Fine-7-phrase"
    expect((await change({ password: next })).status).toBe(400)
    expect((await change({ password: next, old_password: "wrong" })).body.message).toBe(
      "Old password is incorrect.",
    )
    expect((await change({ password, old_password: password })).body.message).toBe(
      "New password cannot match old password.",
    )
    expect((await change({ password: "weak", old_password: password })).body.message).toBe(
      "Password is invalid",
    )
    expect((await change({ password: next, old_password: password })).status).toBe(204)
    for (const token of [user.token, other]) {
      expect((await api("/api/v2/users/me", { token })).status).toBe(401)
    }
    const again = await api("/api/v2/users/login", { body: { email: user.email, password: next } })
    expect(again.status).toBe(201)
  })

  test("a user-admin sets a member's, not an owner's", async () => {
    const admin = await givenUser({ roles: ["user-admin"] })
    const [member, owner] = [await given(), await given(["owner"])]
    const next = { password: "another-Fine-7-phrase" }
    expect((await put(`/users/${member.id}/password`, admin.token, next)).status).toBe(204)
    expect((await put(`/users/${owner.id}/password`, admin.token, next)).status).toBe(403)
    expect((await put(`/users/${owner.id}/password`, member.owner.token, next)).status).toBe(204)
  })
})

describe("the profile", () => {
  test("changes only what it names", async () => {
    const user = await givenUser()
    const username = `renamed-${unique(6)}`
    const { status, body } = await put("/users/me/profile", user.token, {
      username,
      name: "A Name",
      site_roles: ["owner"],
      roles: ["owner"],
      status: "suspended",
      email: "other@example.test",
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      username,
      name: "A Name",
      email: user.email,
      status: "active",
      roles: [],
    })
  })

  test("409 for a taken name, 404 for a stranger's", async () => {
    const [user, other] = [await givenUser(), await givenUser()]
    const taken = await put("/users/me/profile", user.token, { username: other.username })
    expect([taken.status, taken.body.validations[0].field]).toEqual([409, "username"])
    expect((await put(`/users/${other.id}/profile`, user.token, { username: "x" })).status).toBe(
      404,
    )
  })
})

describe("deleting", () => {
  test("deletes the keys too, and never oneself", async () => {
    const [owner, member] = [await givenUser({ roles: ["owner"] }), await givenUser()]
    const gone = await api(`/api/v2/users/${member.id}`, { method: "DELETE", token: owner.token })
    expect([gone.status, gone.body.message]).toEqual([200, "User has been deleted!"])
    expect((await api("/api/v2/users/me", { token: member.token })).status).toBe(401)
    expect((await api(`/api/v2/users/${member.id}`, { token: owner.token })).status).toBe(404)
    const self = await api("/api/v2/users/me", { method: "DELETE", token: owner.token })
    expect([self.status, self.body.message]).toEqual([403, "You cannot delete yourself!"])
  })
})

test("quiet hours: the default, one's own, the default again, 400 if not daily", async () => {
  const { token } = await givenUser()
  const read = await api("/api/v2/users/me/quiet-hours", { token })
  expect(read.body).toMatchObject({
    raw_schedule: "CRON_TZ=UTC 0 0 * * *",
    user_set: false,
    time: "00:00",
    next: "2026-03-05T00:00:00Z",
  })
  const set = await put("/users/me/quiet-hours", token, {
    schedule: "CRON_TZ=Europe/Berlin 30 22 * * *",
  })
  expect(set.body).toMatchObject({ user_set: true, time: "22:30", timezone: "Europe/Berlin" })
  expect((await put("/users/me/quiet-hours", token, { schedule: " " })).body.user_set).toBe(false)
  expect((await put("/users/me/quiet-hours", token, { schedule: "0 0 * * 1" })).status).toBe(400)
})

test("members of another organization are not visible", async () => {
  const [here, there] = [await givenOrganization(), await givenOrganization()]
  const admin = await givenUser({ organization: here, organizationRoles: ["organization-admin"] })
  const stranger = await givenUser({ organization: there })
  expect((await api(`/api/v2/organizations/${there.name}`, { token: admin.token })).status).toBe(
    404,
  )
  expect(
    (await api(`/api/v2/users/${stranger.id}/organizations`, { token: admin.token })).status,
  ).toBe(404)
  expect((await api("/api/v2/organizations", { token: admin.token })).body).toHaveLength(1)
})
