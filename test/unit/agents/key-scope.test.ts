// Which data of its owner an agent gets: all of it, but none on a machine that runs elsewhere.
import { expect, test } from "vitest"
import { toResourceRows } from "../../../src/queue/complete/resource-rows.ts"

test.each([
  ["vm", undefined, "all"],
  ["vm", "no_user_data", "no_user_data"],
  ["coder_external_agent", undefined, "no_user_data"],
  ["coder_external_agent", "all", "all"],
] as const)("an agent on a %s whose template says %s has the scope %s", (type, scope, expected) => {
  const agent = { name: "main", ...(scope && { api_key_scope: scope }) }
  const token = { hash: null, encrypted: null }
  const rows = toResourceRows([{ type, name: "it", agents: [agent] }], "start", () => token)
  expect(rows.agents).toMatchObject([{ api_key_scope: expected }])
})
