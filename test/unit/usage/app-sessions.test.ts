// When sessions with applications are stored, and as which rows.
import { describe, expect, test } from "vitest"
import {
  isDone,
  openMsMax,
  toAppReports,
  usedAtMs,
  type KeptSession,
} from "../../../src/usage/app-sessions.ts"

const minute = Date.UTC(2024, 0, 1, 12)
let position = 0
const session = (
  startMs: number,
  endMs: number | null,
  more: Partial<KeptSession> = {},
): KeptSession => ({
  position: ++position,
  sessionId: `s${position}`,
  userId: "u",
  workspaceId: "w",
  agentId: "a",
  accessMethod: "path",
  slugOrPort: "code",
  startedAtMs: minute + startMs,
  endedAtMs: endMs === null ? null : minute + endMs,
  requests: 2,
  isWritten: false,
  ...more,
})
const rows = (sessions: KeptSession[], nowMs: number) =>
  toAppReports(sessions, minute + nowMs).map(({ row }) => [
    row.session_id,
    Date.parse(row.session_started_at) - minute,
    Date.parse(row.session_ended_at) - minute,
    row.requests,
  ])

test("sessions that ended within a minute share a row under the first one's id", () => {
  const [a, b, c] = [session(1_000, 2_000), session(59_999, 90_000), session(60_000, 61_000)]
  expect(rows([a, b, c], 100_000)).toEqual([
    [a.sessionId, 0, 60_000, 4],
    [c.sessionId, 60_000, 120_000, 2],
  ])
})

test.each([
  ["person", { userId: "other" }],
  ["workspace", { workspaceId: "other" }],
  ["agent", { agentId: "other" }],
  ["access method", { accessMethod: "subdomain" }],
  ["application", { slugOrPort: "other" }],
] as const)("another %s is another row", (_, more) => {
  expect(rows([session(0, 1_000), session(0, 1_000, more)], 2_000)).toHaveLength(2)
})

test("a window of exactly a minute is short, one millisecond more is a row of its own", () => {
  const [a, b] = [session(5_000, 65_000), session(5_000, 65_001)]
  expect(rows([a, b], 70_000)).toEqual([
    [a.sessionId, 0, 60_000, 2],
    [b.sessionId, 5_000, 65_001, 2],
  ])
})

test("an open session waits a window, is then stored up to now, and again each time", () => {
  const open = session(0, null)
  expect(rows([open], 60_000)).toEqual([])
  expect(rows([open], 60_001)).toEqual([[open.sessionId, 0, 60_001, 2]])
  expect(rows([{ ...open, isWritten: true }], 120_000)).toEqual([[open.sessionId, 0, 120_000, 2]])
})

test("a group that was written is written again, with the sum, when one is added to it", () => {
  const written = session(0, 1_000, { isWritten: true })
  expect(rows([written], 2_000)).toEqual([])
  expect(rows([written, session(3_000, 4_000)], 5_000)).toEqual([[written.sessionId, 0, 60_000, 4]])
})

test("requests beyond what the column holds are as many as it holds", () => {
  const many = { requests: 2_000_000_000 }
  expect(rows([session(0, 1_000, many), session(0, 1_000, many)], 2_000)[0]?.[3]).toBe(
    2_147_483_647,
  )
})

describe("what is kept", () => {
  test.each([
    [
      "a short one until its window and one more have passed",
      session(0, 1_000, { isWritten: true }),
      119_999,
      false,
    ],
    ["and no longer", session(0, 1_000, { isWritten: true }), 120_000, true],
    ["a short one that is not written, however old", session(0, 1_000), 10_000_000, false],
    ["a long one that is written", session(0, 100_000, { isWritten: true }), 100_000, true],
    ["a long one that is not", session(0, 100_000), 100_000, false],
    ["an open one for a day", session(0, null, { isWritten: true }), openMsMax, false],
    ["and no longer than that", session(0, null, { isWritten: true }), openMsMax + 1, true],
  ] as const)("%s", (_, one, nowMs, expected) => {
    expect(isDone(one, minute + nowMs)).toBe(expected)
  })
})

test("use is never ahead of now, though the row of a minute ends with it", () => {
  const [report] = toAppReports([session(0, 1_000)], minute + 2_000)
  expect(report === undefined ? null : usedAtMs(report.row, minute + 2_000) - minute).toBe(2_000)
})
