// Provisioner tags against the groups `provisionerTagNormalisation` and `provisioner_freshness`.
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { isAlive } from "../../../src/queue/freshness.ts"
import { normaliseTags, type Tags } from "../../../src/queue/tags.ts"
import { lifecycle, prebuilds } from "../../cases/read.ts"

const tagsOf = (row: object): Tags =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)]))

describe("provisionerTagNormalisation", () => {
  test.each(prebuilds.groups.provisionerTagNormalisation)("$provided", (row) => {
    expect(normaliseTags(row.user, ...row.provided.map(tagsOf))).toEqual(row.result)
  })

  test("normalising twice changes nothing", () => {
    const tags = fc.dictionary(
      fc.constantFrom("scope", "owner", "a", "b"),
      fc.constantFrom("", "user", "x"),
    )
    fc.assert(
      fc.property(fc.array(tags), (sets) => {
        const once = normaliseTags("U", ...sets)
        expect(normaliseTags("U", once)).toEqual(once)
      }),
    )
  })
})

describe("provisioner_freshness", () => {
  const now = new Date("2024-01-01T12:00:00Z")
  const seen = (secondsAgo: number | null) =>
    secondsAgo === null ? null : new Date(now.getTime() - secondsAgo * 1_000)

  test.each(lifecycle.groups.provisioner_freshness)("$id $name", ({ input, expected }) => {
    expect(isAlive(seen(input.tick_minus_last_seen_seconds), now)).toBe(expected.fresh)
  })

  test("a millisecond more than 90 seconds is stale", () => {
    expect(isAlive(seen(90.001), now)).toBe(false)
  })
})
