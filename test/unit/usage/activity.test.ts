// What counts as activity, against the group `activity_sources`; and the body of a ping.
import { describe, expect, test } from "vitest"
import { activityOf, bumpingMark } from "../../../src/usage/activity.ts"
import { readPingBody } from "../../../src/usage/ping-body.ts"
import { lifecycle as cases } from "../../cases/read.ts"

describe("activity_sources", () => {
  test.each(cases.groups.activity_sources)("$name", ({ input, expected }) => {
    const activity = activityOf({
      isUsage: input.usage,
      connectionCount: input.connection_count ?? 0,
      sessionCount: input.sessions ?? 0,
      isPrebuild: input.prebuild ?? false,
    })
    expect(activity).toEqual({
      bumps: expected.bump,
      marksUsed: expected.mark_used,
      publishes: expected.publish,
    })
  })
})

describe("the next autostart of a bump", () => {
  const facts = {
    ownerId: "",
    templateId: "",
    isPrebuild: false,
    autostartSchedule: "CRON_TZ=UTC 0 13 * * *",
    autostartDays: 127,
    agentIds: [],
  }
  const monday = Date.parse("2024-01-01T12:00:00Z")
  test.each([
    ["the next one", facts, Date.parse("2024-01-01T13:00:00Z")],
    ["none without a schedule", { ...facts, autostartSchedule: null }, null],
    [
      "none when its day is blocked, though a later one is allowed",
      { ...facts, autostartDays: 126 },
      null,
    ],
  ])("%s", (_, given, expected) => {
    expect(bumpingMark("w", given, monday).bump).toEqual({ nextAutostartAtMs: expected })
  })
  test("a prebuild's mark never bumps", () => {
    expect(bumpingMark("w", { ...facts, isPrebuild: true }, monday).bump).toBeNull()
  })
})

describe("a ping's body", () => {
  test.each([
    "[]",
    "1",
    '{"agent_id": 1}',
    '{"agent_id": "x", "app_name": "ssh"}',
    '{"app_name": []}',
    "{",
  ])("%s is refused", (text) => {
    const read = readPingBody(text)
    expect(read.ok ? null : read.error.status).toBe(400)
  })
})
