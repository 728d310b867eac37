// The table of rules in docs/lifecycle.md agrees with the view.
import { expect, test } from "vitest"
import page from "../../../docs/lifecycle.md?raw"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { givenWorkspace } from "../given-workspaces.ts"
import { query } from "../harness.ts"

const rows = page
  .slice(page.indexOf("\n## Rules"), page.indexOf("\n## What makes a due rule wait"))
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.replaceAll("`", "").trim()))
  .map(([, rule, precedence, transition, reason]) => ({
    rule,
    precedence: Number(precedence),
    transition: transition || null,
    reason: reason || null,
  }))

test("the page has each rule of the view, with its precedence, build and reason", async () => {
  const user = await givenUser()
  await givenWorkspace(user, await givenTemplate(user))
  const found = await query(
    `select distinct rule, precedence::int, transition, reason from lifecycle_rules
     order by precedence`,
  )
  expect(rows).toEqual(found)
})
