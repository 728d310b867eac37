// A domain has one board, in whatever order its types and tags come, and no two domains share one.
import { expect, test } from "vitest"
import { boardName, type Domain } from "../../../src/queue/notify/domain.ts"

const organization_id = "3f0f6b0e-0000-4000-8000-000000000001"
const base: Domain = {
  organization_id,
  provisioners: ["terraform", "echo"],
  tags: { scope: "organization", owner: "", zone: "a" },
}

test("the name ignores the order of types and tags, and a repeated type", async () => {
  const tags = { zone: "a", owner: "", scope: "organization" }
  const same = { organization_id, provisioners: ["echo", "terraform", "echo"], tags }
  expect(await boardName(same)).toBe(await boardName(base))
})

test("the name never changes, since two versions of the Worker must agree on it", async () => {
  expect(await boardName(base)).toBe(
    "3f0f6b0e-0000-4000-8000-000000000001-1001975b255500eeab1b392168db10cafcc0be3b2799a0b4af5573fad2d95741",
  )
})

test.each<[what: string, other: Partial<Domain>]>([
  ["another organization", { organization_id: "3f0f6b0e-0000-4000-8000-000000000002" }],
  ["fewer types", { provisioners: ["terraform"] }],
  ["another value", { tags: { ...base.tags, zone: "b" } }],
  ["another tag", { tags: { ...base.tags, gpu: "1" } }],
  ["a tag that looks like two", { tags: { scope: "organization", owner: '"],["zone","a' } }],
])("%s is another domain", async (_what, other) => {
  expect(await boardName({ ...base, ...other })).not.toBe(await boardName(base))
})

test("the name has a bounded length for any tags", async () => {
  const tags = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`${n}${"k".repeat(100)}`, "é".repeat(256)]),
  )
  expect((await boardName({ ...base, tags })).length).toBe(101)
})
