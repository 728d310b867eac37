// Changes of a person's credentials, status or existence take the right to give all of their roles.
import { describe, expect, test } from "vitest"
import { givenOrganization, givenUser, type GivenUser } from "../given-people.ts"
import { api, query } from "../harness.ts"

const changes = [
  {
    name: "the password",
    change: (user: GivenUser, token: string) =>
      api(`/api/v2/users/${user.id}/password`, {
        method: "PUT",
        token,
        body: { password: "Stolen-by-user-admin-9" },
      }),
  },
  {
    name: "the profile",
    change: (user: GivenUser, token: string) =>
      api(`/api/v2/users/${user.id}/profile`, {
        method: "PUT",
        token,
        body: { username: user.username },
      }),
  },
  {
    name: "the status",
    change: (user: GivenUser, token: string) =>
      api(`/api/v2/users/${user.id}/status/suspend`, { method: "PUT", token }),
  },
  {
    name: "the existence",
    change: (user: GivenUser, token: string) =>
      api(`/api/v2/users/${user.id}`, { method: "DELETE", token }),
  },
]

describe("a user admin", () => {
  test.each(changes)("cannot change $name of an organization's admin", async ({ change }) => {
    const admin = await givenUser({ roles: ["user-admin"] })
    const target = await givenUser({ organizationRoles: ["organization-admin"] })
    const before = await query("select * from users where id = $1", [target.id])
    expect((await change(target, admin.token)).status).toBe(403)
    expect(await query("select * from users where id = $1", [target.id])).toEqual(before)
  })

  test("cannot change the password of a member whose organization gives all a role", async () => {
    const organization = await givenOrganization({
      default_org_member_roles: "{organization-template-admin}",
    })
    const admin = await givenUser({ roles: ["user-admin"] })
    const target = await givenUser({ organization })
    expect((await changes[0]?.change(target, admin.token))?.status).toBe(403)
  })

  test("changes members and the admins of members", async () => {
    const admin = await givenUser({ roles: ["user-admin"] })
    for (const organizationRoles of [[], ["organization-user-admin"]]) {
      const target = await givenUser({
        organizationRoles,
        columns: { hashed_password: "scrypt$1024$8$1$c2FsdA==$AAAA" },
      })
      expect((await changes[0]?.change(target, admin.token))?.status).toBe(204)
    }
  })
})

test("an owner changes an organization's admin", async () => {
  const owner = await givenUser({ roles: ["owner"] })
  const target = await givenUser({ organizationRoles: ["organization-admin"] })
  expect((await changes[2]?.change(target, owner.token))?.status).toBe(200)
})
