// Keys and webhooks that open doors are audited, by the routes and by the database.
import { expect, test } from "vitest"
import { givenUser } from "../given-people.ts"
import { api, query } from "../harness.ts"

const rowsOf = (type: string) =>
  query(
    `select action, status_code, resource_target, diff::text as diff from audit_logs
      where resource_type = $1 order by time, action`,
    [type],
  )

test("creation and deletion of a provisioner key are audited without its secret", async () => {
  const { token } = await givenUser({ roles: ["owner"] })
  const path = "/api/v2/organizations/default/provisionerkeys"
  const { body } = await api(path, { token, body: { name: "builders", tags: { zone: "eu" } } })
  expect((await api(`${path}/builders`, { method: "DELETE", token })).status).toBe(204)
  const rows = await rowsOf("provisioner_key")
  expect(rows.map(({ action, resource_target }) => [action, resource_target])).toEqual([
    ["create", "builders"],
    ["delete", "builders"],
  ])
  expect(JSON.stringify(rows)).not.toContain(body.key)
})

test("the creation and the deletion of a webhook are audited without its secret", async () => {
  const { token } = await givenUser({ roles: ["owner"] })
  const path = "/api/v2/notifications/webhooks"
  const { body } = await api(path, {
    token,
    body: { url: "HTTPS://Hooks.Example.test:443/a/../b" },
  })
  expect(body.url).toBe("https://hooks.example.test/b")
  const again = await api(path, { token, body: { url: "https://hooks.example.test/b" } })
  expect(again.status).toBe(409)
  expect((await api(`${path}/${body.id}`, { method: "DELETE", token })).status).toBe(204)
  const rows = await rowsOf("notification_webhook")
  expect(rows.map(({ action }) => action)).toEqual(["create", "delete"])
  expect(JSON.stringify(rows)).not.toContain(body.secret)
})

test.each([
  [
    "provisioner key",
    `insert into provisioner_keys (id, organization_id, name, hashed_secret, tags, created_at)
      select gen_random_uuid(), o.id, 'unaudited', sha256('x'), '{}', now()
      from organizations o, actor where o.is_default`,
  ],
  [
    "webhook",
    `insert into notification_webhooks (id, url, encrypted_secret, created_by, created_at)
      select gen_random_uuid(), 'https://x.test', 'x', u.id, now() from users u, actor
      where u.is_system`,
  ],
])("the database refuses a person's %s without an audit row", async (_, insert) => {
  const person = `set_config('dormouse.actor', '{"kind": "user"}', true)`
  const unaudited = query(`with actor as materialized (select ${person}) ${insert}`)
  await expect(unaudited).rejects.toThrow(/must be audited/)
})
