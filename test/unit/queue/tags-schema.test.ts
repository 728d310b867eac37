// Sets of tags come from outside in four places; all hold them to the same bounds.
import { expect, test } from "vitest"
import { tagCountMax, tagSet } from "../../../src/queue/tags-schema.ts"

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`tag-${at}`, "yes"]))

test.each<[what: string, tags: unknown, isTaken: boolean]>([
  ["none", {}, true],
  ["as many as there may be", many(tagCountMax), true],
  ["one more", many(tagCountMax + 1), false],
  ["the longest name and value", { ["n".repeat(128)]: "v".repeat(256) }, true],
  ["a name that is too long", { ["n".repeat(129)]: "" }, false],
  ["a value that is too long", { zone: "v".repeat(257) }, false],
  ["a NUL in a name", { "a\0": "b" }, false],
  ["a NUL in a value", { zone: "\0" }, false],
  ["a number for a value", { zone: 1 }, false],
  ["a list", ["zone"], false],
])("%s", (_what, tags, isTaken) => {
  expect(tagSet.safeParse(tags).success).toBe(isTaken)
})
