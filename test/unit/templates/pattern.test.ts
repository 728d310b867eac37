// Patterns of parameters: their size is bounded before they are compiled, and so is what they cost.
import { expect, test } from "vitest"
import { plainText } from "../../../src/templates/manifest/plain-text.ts"
import {
  occursIn,
  patternProblem,
  patternSize,
  patternWork,
} from "../../../src/templates/parameters/pattern.ts"
import { resolveParameters } from "../../../src/templates/parameters/resolve.ts"

const hostile = String.raw`(${String.raw`\pL{0,999}`.repeat(60)})z`

test.each([
  ["^[a-z][a-z0-9-]{0,62}$", 66],
  ["x{1000}", 1_000],
  ["(ab){5,}", 24],
  ["(?:x|y){2,10}", 80],
  [String.raw`\p{L}{1,64}`, 640],
  [String.raw`\Qa{1000}\E`, 12],
  ["[[:alpha:]]{9}", 9],
  ["[]{9}]", 1],
  ["((a{0,30}){0,30}){0,2}", 2_000],
])("the size of %s is at most %i", (pattern, size) => {
  expect(patternSize(pattern)).toBeLessThanOrEqual(size)
  expect(patternSize(pattern)).toBeGreaterThanOrEqual(size * 0.8)
})

test.each([
  [hostile, /too large/],
  ["x{1000}x{1000}", /too large/],
  ["(((x{0,9}){0,9}){0,9}){0,9}", /too large/],
  ["(", /is not a regular expression/],
])("rejects the pattern %#", (pattern, problem) => {
  expect(patternProblem(pattern)).toMatch(problem)
  expect(occursIn(pattern, "aaa")).toBe(false)
})

test("accepts the same pattern again from the cache, after many others", () => {
  for (let n = 0; n < 100; n++) expect(occursIn(`^a{${n}}$`, "a".repeat(n))).toBe(true)
  expect(occursIn("^a{1}$", "a")).toBe(true)
  expect(occursIn("^a{1}$", "b")).toBe(false)
})

test("rejects values whose patterns would cost too much together, without matching them", () => {
  const parameter = (name: string) => ({
    name,
    type: "string" as const,
    options: [],
    mutable: true,
    required: false,
    ephemeral: false,
    default_value: "",
    validation_regex: "(?i)(k{0,900})z",
  })
  const value = "K".repeat(1_000)
  expect(patternWork("(?i)(k{0,900})z", value)).toBeGreaterThan(900_000)
  const parameters = ["a", "b", "c"].map(parameter)
  const given = new Map(parameters.map(({ name }) => [name, value]))
  const sources = { parameters, preset: new Map(), given, previous: new Map() }
  const resolved = resolveParameters({ ...sources, workMax: 10_000 })
  expect(resolved).toMatchObject({
    ok: false,
    parameter: "a",
    problems: parameters.map(({ name }) => ({
      parameter: name,
      detail: "the values are too long for the template's patterns",
    })),
  })
})

test.each([
  ["# Hi **bold** `code`", "Hi bold code"],
  ["[link](http://x) and ![image](y)", "link and image"],
  ["_em_ and *em*, ~~no~~, __strong__", "em and em, no, strong"],
  ["- item\n1. two\n> quote", "item\ntwo\nquote"],
  ["snake_case_name 2*3*4", "snake_case_name 2*3*4"],
])("the plain text of %j is %j", (markdown, text) => {
  expect(plainText(markdown)).toBe(text)
})

test("the plain text of marks that never close takes linear time", () => {
  const marks = ["`", "[", "[a](", "*a ", "**a", "_", "~~", "!["]
  const longest = (length: number) =>
    Math.max(
      ...marks.map((mark) => {
        const text = mark.repeat(length) + "x".repeat(length)
        const startedAt = performance.now()
        plainText(text)
        return performance.now() - startedAt
      }),
    )
  longest(1_000)
  // A cubic expression took six seconds here for a 32nd of this length.
  expect(longest(128_000)).toBeLessThan(6_000)
})
