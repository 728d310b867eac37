// The next autostart and the next allowed one, against the cases.
import { expect, test } from "vitest"
import { nextAllowedAutostart, nextAutostart } from "../../../src/schedule/autostart.ts"
import { groups, instant } from "./cases.ts"

test.each(groups.next_autostart)("$id $name", ({ input, expected }) => {
  const next = nextAutostart(
    input.schedule,
    new Date(input.at),
    input.template_autostart_days_bitmap,
  )
  expect({ next: next?.at ?? null, allowed: next?.isAllowed ?? false }).toEqual({
    next: instant(expected.next),
    allowed: expected.allowed,
  })
})

type NextAllowedCase = {
  id: string
  name: string
  input: { at: string; schedule: string; template_autostart_days_bitmap: number }
  expected: { next?: string; error?: string }
}

test.each(groups.next_allowed_autostart as NextAllowedCase[])(
  "$id $name",
  ({ input, expected }) => {
    const next = nextAllowedAutostart(
      input.schedule,
      new Date(input.at),
      input.template_autostart_days_bitmap,
    )
    expect(next === null ? { error: "no allowed autostart" } : { next: isoSeconds(next) }).toEqual(
      expected,
    )
  },
)

test("nextAllowedAutostart skips six blocked days of a schedule that fires each minute", () => {
  const next = nextAllowedAutostart(
    "CRON_TZ=Europe/Berlin * * * * *",
    new Date("2024-01-01T23:00:00Z"),
    1,
  )
  expect(next).toEqual(new Date("2024-01-07T23:00:00Z"))
})

test.each(groups.next_start_at_on_completion)("$id $name", ({ input, expected }) => {
  expect(
    nextAllowedAutostart(
      input.autostart_schedule,
      new Date(input.completed_at),
      input.template_autostart_days_bitmap,
    ),
  ).toEqual(instant(expected.next_start_at_written))
})

test.each(groups.next_start_at_on_template_change)("$id $name", ({ input, expected }) => {
  expect(
    nextAllowedAutostart(
      input.autostart_schedule,
      new Date(input.now),
      input.new_template_autostart_days_bitmap,
    ),
  ).toEqual(instant(expected.next_start_at_after))
})

function isoSeconds(at: Date): string {
  return at.toISOString().replace(".000Z", "Z")
}
