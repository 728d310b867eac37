// Rules of schedules that the database alone holds, against the cases.
import { expect, test } from "vitest"
import { lifecycle } from "../../cases/read.ts"
import { givenUser } from "../given-people.ts"
import { givenTemplate } from "../given-templates.ts"
import { query } from "../harness.ts"

const { groups } = lifecycle

test.each(groups.humanize_relative_time)("$id $name", async ({ input, expected }) => {
  const ms = input.then_minus_now_seconds * 1000
  expect(await query("select relative_time($1::bigint) as text", [ms])).toEqual([
    { text: expected.text },
  ])
})

test.each(groups.verify_autostop_requirement)("$id $name", async ({ input, expected }) => {
  const { days_bitmap: autostop_requirement_days, weeks: autostop_requirement_weeks } = input
  const columns = { autostop_requirement_days, autostop_requirement_weeks }
  const given = givenTemplate(await givenUser(), { columns })
  if (expected.error === null) await given
  else await expect(given).rejects.toThrow("templates_autostop_days")
})
