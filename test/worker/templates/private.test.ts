// A private template: closed to plain members of its organization, open to those who manage it.
import { expect, test } from "vitest"
import { givenOrganization, givenUser } from "../given-people.ts"
import { givenPreset, givenTemplate, type GivenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { api } from "../harness.ts"
import { unique } from "../rows.ts"

async function givenPrivate() {
  const organization = await givenOrganization()
  const member = await givenUser({ organization })
  const author = await givenUser({
    organization,
    organizationRoles: ["organization-template-admin"],
  })
  const template = await givenTemplate(author, {
    columns: { disable_everyone_group_access: true },
  })
  const open = await givenTemplate(author)
  return { organization, member, author, template, open }
}

test("a member neither reads, lists, searches nor builds a private template", async () => {
  const { organization, member, author, template, open } = await givenPrivate()
  await givenPreset(template.version.id, { columns: { desired_instances: 1 } })
  const asMember = (path: string, body?: object) =>
    api(`/api/v2${path}`, { token: member.token, ...(body && { body }) })
  const version = `/templateversions/${template.version.id}`
  for (const path of [
    `/templates/${template.id}`,
    `/templates/${template.id}/versions`,
    `/templates/${template.id}/prebuilds`,
    `/organizations/${organization.id}/templates/${template.name}`,
    version,
    `${version}/presets`,
    `${version}/rich-parameters`,
    `${version}/variables`,
    `${version}/resources`,
  ]) {
    expect([path, (await asMember(path)).status]).toEqual([path, 404])
    const known = await api(`/api/v2${path}`, { token: author.token })
    expect([path, known.status]).toEqual([path, 200])
  }
  for (const path of ["/templates", `/organizations/${organization.id}/templates`]) {
    const { body } = await asMember(path)
    expect(body.map(({ id }: { id: string }) => id)).toEqual([open.id])
  }
  const workspace = (id: string) => ({ name: `w-${unique(6)}`, template_id: id })
  const refused = await asMember("/users/me/workspaces", workspace(template.id))
  expect([refused.status, refused.body.validations?.[0]?.field]).toEqual([400, "template_id"])
  expect((await asMember("/users/me/workspaces", workspace(open.id))).status).toBe(201)
  expect((await asMember(`${version}/dry-run`, {})).status).toBe(404)
})

test("a member may stop and delete, but not start, a workspace of a private template", async () => {
  const { member, template, open } = await givenPrivate()
  const build = async (target: GivenTemplate, transition: string) => {
    const workspace = await givenWorkspace(member, target, {
      build: { transition: transition === "start" ? "stop" : "start" },
    })
    return api(`/api/v2/workspaces/${workspace.id}/builds`, {
      token: member.token,
      body: { transition },
    })
  }
  const start = await build(template, "start")
  expect([start.status, start.body.message]).toEqual([
    403,
    "You do not have permission to use the template of this workspace.",
  ])
  expect((await build(open, "start")).status).toBe(201)
  expect((await build(template, "stop")).status).toBe(201)
  expect((await build(template, "delete")).status).toBe(201)
})

test("the access of a template names everyone, unless it is private", async () => {
  const { organization, member, author, template, open } = await givenPrivate()
  const read = (id: string, token: string) => api(`/api/v2/templates/${id}/acl`, { token })
  expect((await read(template.id, author.token)).body).toEqual({ users: [], group: [] })
  expect((await read(open.id, author.token)).body).toMatchObject({
    users: [],
    group: [{ id: organization.id, name: "Everyone", role: "use", total_member_count: 2 }],
  })
  expect((await read(open.id, member.token)).status).toBe(403)
  expect((await read(template.id, member.token)).status).toBe(404)
})

test("the check in advance agrees with the routes", async () => {
  const { member, author, template, open } = await givenPrivate()
  const check = async (token: string, id: string) => {
    const object = { resource_type: "template", resource_id: id }
    const answer = await api("/api/v2/authcheck", {
      token,
      body: { checks: { read: { object, action: "read" }, use: { object, action: "use" } } },
    })
    return answer.body
  }
  expect(await check(member.token, template.id)).toEqual({ read: false, use: false })
  expect(await check(member.token, open.id)).toEqual({ read: true, use: true })
  expect(await check(author.token, template.id)).toEqual({ read: true, use: true })
})

test("PATCH closes a template, and opens it again", async () => {
  const { member, author, open } = await givenPrivate()
  const patch = (isPrivate: boolean) =>
    api(`/api/v2/templates/${open.id}`, {
      method: "PATCH",
      token: author.token,
      body: { disable_everyone_group_access: isPrivate },
    })
  const read = async () =>
    (await api(`/api/v2/templates/${open.id}`, { token: member.token })).status
  expect((await patch(true)).status).toBe(200)
  expect(await read()).toBe(404)
  expect((await patch(false)).status).toBe(200)
  expect(await read()).toBe(200)
})
