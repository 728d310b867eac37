// Provisioner tags, against the group `provisionerTagNormalisation`; the bounds of sets of tags.
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { normaliseTags, tagCountMax, tagSet, type Tags } from "../../../src/queue/tags.ts"
import { prebuilds } from "../../cases/read.ts"

const tagsOf = (row: object): Tags =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)]))

describe("provisionerTagNormalisation", () => {
  test.each(prebuilds.groups.provisionerTagNormalisation)("$provided", (row) => {
    expect(normaliseTags(row.user, ...row.provided.map(tagsOf))).toEqual(row.result)
  })

  test("normaliseTags changes nothing the second time", () => {
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

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`tag-${at}`, "yes"]))

test.each<[what: string, tags: unknown, isAccepted: boolean]>([
  ["no tags", {}, true],
  ["the most tags that are allowed", many(tagCountMax), true],
  ["one tag too many", many(tagCountMax + 1), false],
  ["the longest name and value", { ["n".repeat(128)]: "v".repeat(256) }, true],
  ["a name that is too long", { ["n".repeat(129)]: "" }, false],
  ["a value that is too long", { zone: "v".repeat(257) }, false],
  ["a NUL in a name", { "a\0": "b" }, false],
  ["a NUL in a value", { zone: "\0" }, false],
  ["a number for a value", { zone: 1 }, false],
  ["a list", ["zone"], false],
])("a set of tags with %s is accepted or rejected", (_what, tags, isAccepted) => {
  expect(tagSet.safeParse(tags).success).toBe(isAccepted)
})
