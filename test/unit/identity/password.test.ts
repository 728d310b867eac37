// Passwords: which are strong enough, and how they are kept.
import { describe, expect, test } from "vitest"
import { hashPassword, isPassword } from "../../../src/identity/sessions/password.ts"
import {
  findPasswordProblem,
  passwordBits,
} from "../../../src/identity/sessions/password-strength.ts"

describe("strength", () => {
  test.each([
    ["SomeSecurePassword!", true],
    ["correct horse battery", true],
    ["Tr0ub4dor&3", true],
    ["password", false],
    ["qwertyuiopasdfghjkl", false],
    ["aaaaaaaaaaaaaaaaaaaaaaaa", false],
    ["0123456789876543210", false],
    ["", false],
    ["Ab3!".repeat(16), true],
    [`${"Ab3!".repeat(16)}x`, false],
  ])("%j: %s", (password, expected) => {
    expect(findPasswordProblem(password) === null).toBe(expected)
  })

  test("a run counts for two, however long", () => {
    expect(passwordBits("abcdefg")).toBe(passwordBits("xq"))
    expect(passwordBits("gfedcba")).toBe(passwordBits("xq"))
    expect(passwordBits("aaaaaaa")).toBe(passwordBits("xq"))
  })
})

describe("at rest", () => {
  test("the right password is recognised, another is not", async () => {
    const stored = await hashPassword("correct horse battery")
    expect(stored).toMatch(/^scrypt\$16384\$8\$5\$/)
    expect(await isPassword("correct horse battery", stored)).toBe(true)
    expect(await isPassword("correct horse batterz", stored)).toBe(false)
  })

  test("two hashes of one password differ", async () => {
    expect(await hashPassword("same")).not.toBe(await hashPassword("same"))
  })

  test.each([undefined, "", "plain", "scrypt$1000000$8$5$AAAA$AAAA", "scrypt$16384$8$5$AAAA$AAAA"])(
    "nothing matches %j",
    async (stored) => {
      expect(await isPassword("", stored)).toBe(false)
    },
  )
})
