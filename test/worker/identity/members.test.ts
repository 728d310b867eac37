// Members of an organization: who sees, adds, removes and promotes whom.
import { describe, expect, test } from "vitest"
import { api } from "../harness.ts"
import { givenOrganization, givenUser } from "../given-people.ts"

const call = (method: string, path: string, token: string, body?: unknown) =>
  api(`/api/v2${path}`, { method, token, ...(body === undefined ? {} : { body }) })

async function given() {
  const organization = await givenOrganization()
  const admin = await givenUser({ organization, organizationRoles: ["organization-admin"] })
  const member = await givenUser({ organization })
  const stranger = await givenUser({ organization: await givenOrganization() })
  return { organization, admin, member, stranger, path: `/organizations/${organization.name}` }
}

describe("reading", () => {
  test("an admin sees the members, a member only themselves, a stranger nothing", async () => {
    const { admin, member, stranger, path } = await given()
    const all = await call("GET", `${path}/members`, admin.token)
    expect(all.body.map((row: { user_id: string }) => row.user_id).toSorted()).toEqual(
      [admin.id, member.id].toSorted(),
    )
    const own = await call("GET", `${path}/members`, member.token)
    expect(own.body).toMatchObject([
      { user_id: member.id, email: member.email, global_roles: [], roles: [] },
    ])
    for (const under of [
      "/members",
      "/paginated-members",
      "/members/roles",
      `/members/${member.id}`,
    ]) {
      expect((await call("GET", `${path}${under}`, stranger.token)).status).toBe(404)
    }
    expect((await call("GET", `${path}/members/${admin.id}`, member.token)).status).toBe(404)
    expect((await call("GET", `${path}/members/me`, member.token)).body.user_id).toBe(member.id)
  })

  test("pages, counts and searches", async () => {
    const { admin, member, path } = await given()
    const page = await call("GET", `${path}/paginated-members?limit=1`, admin.token)
    expect([page.body.members.length, page.body.count]).toEqual([1, 2])
    const found = await call("GET", `${path}/paginated-members?q=${member.username}`, admin.token)
    expect(found.body).toMatchObject({ count: 1, members: [{ user_id: member.id }] })
    const byId = await call("GET", `${path}/members?q=user_id:${member.id}`, admin.token)
    expect(byId.body).toHaveLength(1)
    expect((await call("GET", `${path}/members?q=colour:red`, admin.token)).status).toBe(400)
  })
})

describe("changing", () => {
  test("an admin adds and removes; not twice, not themselves", async () => {
    const { admin, member, stranger, path } = await given()
    const add = (token: string) => call("POST", `${path}/members/${stranger.username}`, token)
    expect((await add(member.token)).status).toBe(403)
    expect((await add(admin.token)).status).toBe(200)
    const twice = await add(admin.token)
    expect([twice.status, twice.body.message]).toEqual([
      400,
      "User is already an organization member",
    ])
    const remove = (who: string, token = admin.token) =>
      call("DELETE", `${path}/members/${who}`, token)
    expect((await remove(admin.id, member.token)).status).toBe(404)
    expect((await remove(stranger.id)).status).toBe(204)
    expect((await remove(stranger.id)).status).toBe(404)
    const self = await remove("me")
    expect([self.status, self.body.message]).toEqual([
      400,
      "cannot remove self from an organization",
    ])
  })

  test("roles: given by those who hold as much, never one's own", async () => {
    const { organization, admin, member, path } = await given()
    const userAdmin = await givenUser({
      organization,
      organizationRoles: ["organization-user-admin"],
    })
    const set = (who: string, token: string, roles: string[]) =>
      call("PUT", `${path}/members/${who}/roles`, token, { roles })
    const promoted = await set(member.id, admin.token, ["organization-auditor"])
    expect(promoted.body.roles).toEqual([
      {
        name: "organization-auditor",
        display_name: "Organization Auditor",
        organization_id: organization.id,
      },
    ])
    expect((await set("me", admin.token, [])).status).toBe(400)
    expect((await set(member.id, userAdmin.token, ["organization-admin"])).status).toBe(403)
    expect((await set(admin.id, userAdmin.token, [])).status).toBe(403)
    expect((await set(member.id, admin.token, ["emperor"])).status).toBe(400)
    // An auditor by now: sees the admin, and may change nothing.
    expect((await set(admin.id, member.token, [])).status).toBe(403)
    const roles = await call("GET", `${path}/members/roles`, userAdmin.token)
    const assignable = roles.body.filter((role: { assignable: boolean }) => role.assignable)
    expect(assignable.map((role: { name: string }) => role.name)).toEqual([
      "organization-user-admin",
    ])
  })
})

describe("groups", () => {
  test("are one group Everyone with the members that the caller may read", async () => {
    const organization = await givenOrganization()
    const admin = await givenUser({ organization, organizationRoles: ["organization-admin"] })
    const member = await givenUser({ organization })
    const stranger = await givenUser()
    const path = `/api/v2/organizations/${organization.name}/groups`
    const ofAdmin = await api(path, { token: admin.token })
    expect(ofAdmin.body).toEqual([
      expect.objectContaining({
        id: organization.id,
        name: "Everyone",
        organization_id: organization.id,
        total_member_count: 2,
        source: "user",
      }),
    ])
    const usernames = ({ members }: { members: { username: string }[] }) =>
      members.map(({ username }) => username)
    expect(usernames(ofAdmin.body[0])).toEqual([admin.username, member.username].toSorted())
    const ofMember = await api(path, { token: member.token })
    expect(usernames(ofMember.body[0])).toEqual([member.username])
    expect((await api(path, { token: stranger.token })).status).toBe(404)
    const filtered = (query: string) => api(`/api/v2/groups?${query}`, { token: admin.token })
    expect((await filtered(`has_member=${member.username}`)).body).toHaveLength(1)
    expect((await filtered(`has_member=${stranger.username}`)).body).toEqual([])
    expect((await filtered(`group_ids=${organization.id}`)).body).toHaveLength(1)
    expect((await filtered("group_ids=nothing")).body).toEqual([])
  })
})
