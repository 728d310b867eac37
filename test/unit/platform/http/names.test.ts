// Names at their edges, with each character that is forbidden somewhere.
import { describe, expect, test } from "vitest"
import {
  isDisplayName,
  isRealName,
  isResourceName,
  isTemplateVersionName,
} from "../../../../src/platform/names.ts"

const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))

describe("a resource's name", () => {
  test.each(["a", "A", "0", "a-b", "a1-b2-C3", "x".repeat(32), "New", "news"])(
    "%s is one",
    (name) => {
      expect(isResourceName(name)).toBe(true)
    },
  )

  test.each([
    "",
    "-",
    "-a",
    "a-",
    "a--b",
    "x".repeat(33),
    "new",
    "create",
    "é",
    "a\n",
    "\u0000",
    "ａ",
  ])("%j is none", (name) => {
    expect(isResourceName(name)).toBe(false)
  })

  test.each(printable.filter((char) => !/[a-zA-Z0-9-]/.test(char)))(
    "%j within makes it none",
    (char) => {
      expect(isResourceName(`a${char}b`)).toBe(false)
    },
  )
})

test.each([
  ["v1.2.3", true],
  ["a_b-c.d", true],
  ["a..b", false],
  [".a", false],
  ["", false],
  ["x".repeat(64), true],
  ["x".repeat(65), false],
])("version name %j: %s", (name, expected) => {
  expect(isTemplateVersionName(name)).toBe(expected)
})

test.each([
  ["", true],
  ["My Team", true],
  [" a", false],
  ["a ", false],
  ["x".repeat(64), true],
  ["x".repeat(65), false],
])("display name %j: %s", (name, expected) => {
  expect(isDisplayName(name)).toBe(expected)
})

test("a real name may hold 128 characters", () => {
  expect(isRealName("x".repeat(128))).toBe(true)
  expect(isRealName("x".repeat(129))).toBe(false)
})
