// Every field of the policy's table: a change is written, shown and recorded. A new one is covered.
import { expect, test } from "vitest"
import { changeOnly, dormancy, fields, shared } from "../../../src/templates/policy/fields.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { api, query } from "../harness.ts"

const words: Record<string, string> = { max_port_share_level: "owner", cors_behavior: "passthru" }

const shown = Object.entries({ ...shared, ...dormancy, ...changeOnly }).map(
  ([name, { type, initial }]) => {
    if (type === "boolean") return [name, initial !== true] as const
    return [name, type === "text" ? (words[name] ?? "x") : 120_000] as const
  },
)

test.each(shown)("a change of %s to %o is written, shown and recorded", async (name, value) => {
  const { token, ...user } = await givenUser({ roles: ["template-admin"] })
  const template = await givenTemplate(user)
  const url = `/api/v2/templates/${template.id}`
  const before = await api(url, { token })
  const changed = await api(url, { method: "PATCH", token, body: { [name]: value } })
  expect([changed.status, changed.body[name]]).toEqual([200, value])
  expect((await api(url, { token })).body).toEqual(changed.body)
  const [row] = await query("select * from templates where id = $1", [template.id])
  expect(String(row[name])).toBe(String(value))
  const [audit] = await query("select diff from audit_logs where resource_id = $1", [template.id])
  expect(audit.diff).toEqual({ [name]: { old: before.body[name], new: value, secret: false } })
})

test("a new template starts with the initial value of every field", async () => {
  const { token, ...user } = await givenUser({ roles: ["template-admin"] })
  const { version, organizationId } = await givenTemplate(user)
  await query("update template_versions set template_id = null where id = $1", [version.id])
  const { body } = await api(`/api/v2/organizations/${organizationId}/templates`, {
    token,
    body: {
      name: `fields-${version.name.slice(-8).toLowerCase()}`,
      template_version_id: version.id,
    },
  })
  const [row] = await query("select * from templates where id = $1", [body.id])
  for (const [name, { initial }] of Object.entries(fields))
    expect([name, String(row[name])]).toEqual([name, String(initial)])
})
