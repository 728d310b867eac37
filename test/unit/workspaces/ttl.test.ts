// The bounds of a workspace's time to live, one millisecond to each side.
import { expect, test } from "vitest"
import { checkTtl, initialTtl } from "../../../src/workspaces/schedule/ttl.ts"

const minute = 60_000
const days30 = 30 * 24 * 60 * minute
const tooShort = "time until shutdown must be at least one minute"
const tooLong = "time until shutdown must be less than 30 days"

test.each([
  [null, null],
  [0, null],
  [minute, minute],
  [2 * minute - 1, minute],
  [2 * minute, 2 * minute],
  [days30, days30],
  [days30 + minute - 1, days30],
])("%s ms is kept as %s", (requestedMs, ttlMs) => {
  expect(checkTtl(requestedMs)).toEqual({ ttlMs, problem: null })
})

test.each([
  [-1, tooShort],
  [-minute, tooShort],
  [1, tooShort],
  [minute - 1, tooShort],
  [days30 + minute, tooLong],
  [Number.MAX_SAFE_INTEGER, tooLong],
])("%s ms is refused: %s", (requestedMs, problem) => {
  expect(checkTtl(requestedMs)).toEqual({ ttlMs: null, problem })
})

test.each([
  [null, 0, null],
  [0, 0, null],
  [null, 28_800_000, 28_800_000],
  [0, 86_400_000, 86_400_000],
  // The template's own default is not bounded nor cut.
  [null, 30_000, 30_000],
  [minute, 86_400_000, minute],
])("creation with %s under a default of %s gives %s", (requestedMs, templateDefaultMs, ttlMs) => {
  expect(initialTtl(requestedMs, templateDefaultMs)).toEqual({ ttlMs, problem: null })
})
