// A template whose author writes patterns that cost as much as they can, in a fleet with others.
import { expect, test } from "vitest"
import { givenProvisioner, givenUser } from "../given-people.ts"
import { givenTemplate, givenVersion } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { afterEpoch, api, query, tick } from "../harness.ts"
import type { Row } from "../rows.ts"

const hourMs = 3_600_000
const optional = { required: false, mutable: true, default_value: "", type: "string" }
const tooLarge = `(${String.raw`\pL{0,999}`.repeat(60)})z`
const slow = "(?i)(k{0,900})z"

/** Workspaces that the next tick moves to a new version, which checks their values. */
async function givenFleet(user: { id: string; organizationId: string }, of: Fleet) {
  const template = await givenTemplate(user, { parameters: of.parameters })
  const active = await givenVersion(user, {
    parameters: of.parameters,
    columns: { template_id: template.id },
  })
  await query("update templates set active_version_id = $1 where id = $2", [active.id, template.id])
  const columns = {
    automatic_updates: "always",
    autostart_schedule: "CRON_TZ=UTC 0 10 * * *",
    next_start_at: afterEpoch(hourMs),
  }
  const ids: string[] = []
  for (let n = 0; n < of.count; n++) {
    const workspace = await givenWorkspace(user, template, {
      columns,
      build: { transition: "stop" },
    })
    ids.push(workspace.id)
    await query(
      "insert into workspace_build_parameters select $1, name, $2 from template_version_parameters where template_version_id = $3",
      [workspace.build.id, of.value, template.version.id],
    )
  }
  return ids
}
type Fleet = { parameters: Row[]; value: string; count: number }

test("hostile patterns block their own workspaces, and the tick starts all others", async () => {
  const user = await givenUser()
  await givenProvisioner({ columns: { last_seen_at: afterEpoch(2 * hourMs) } })
  const many = (pattern: string) =>
    Array.from({ length: 60 }, (_, n) => ({
      ...optional,
      name: `p${n}`,
      validation_regex: pattern,
    }))
  // Its checks would take minutes: 8 workspaces with 60 values of 8,000 characters each.
  const costly = await givenFleet(user, {
    parameters: many(slow),
    value: "K".repeat(8_000),
    count: 8,
  })
  const oversized = await givenFleet(user, { parameters: many(tooLarge), value: "x", count: 8 })
  const plain = await givenFleet(user, {
    parameters: [{ ...optional, name: "size", validation_regex: "^[a-z][a-z0-9-]{0,62}$" }],
    value: "large",
    count: 8,
  })
  await tick(afterEpoch(hourMs))
  const started = async (ids: string[]) => {
    const [row] = await query<{ n: number }>(
      "select count(*)::int as n from workspaces where id = any($1) and latest_transition = 'start'",
      [ids],
    )
    return row?.n
  }
  expect(await started(plain)).toBe(8)
  expect(await started(costly)).toBe(0)
  expect(await started(oversized)).toBe(0)
  const { body } = await api(`/api/v2/workspaces/${costly[0]}/lifecycle`, { token: user.token })
  const autostart = body.rules.find(({ rule }: { rule: string }) => rule === "autostart")
  expect(JSON.stringify(autostart)).toContain("too long for the template's patterns")
})

test("a request with values that cost too much gets a 400 that names them", async () => {
  const user = await givenUser()
  const template = await givenTemplate(user, {
    parameters: [
      { ...optional, name: "a", validation_regex: slow },
      { ...optional, name: "b", validation_regex: slow },
    ],
  })
  const value = "K".repeat(8_000)
  const answer = await api("/api/v2/users/me/workspaces", {
    token: user.token,
    body: {
      name: "costly",
      template_id: template.id,
      rich_parameter_values: ["a", "b"].map((name) => ({ name, value })),
    },
  })
  expect(answer.status).toBe(400)
  expect(answer.body.validations).toEqual(
    ["a", "b"].map((field) => ({
      field,
      detail: "the values are too long for the template's patterns",
    })),
  )
})
