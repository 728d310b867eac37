// The numbers that a 429 names are those of the bindings.
import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { limits } from "../../../src/access/limits.ts"

test("wrangler.toml holds the same limits", () => {
  const text = readFileSync(new URL("../../../wrangler.toml", import.meta.url), "utf8")
  const bindings = [
    ...text.matchAll(/name = "(RATE_LIMIT_\w+)"\n.*\nsimple = \{ limit = (\d+), period = 60 \}/g),
  ]
  expect(Object.fromEntries(bindings.map(([, name, limit]) => [name, Number(limit)]))).toEqual(
    limits,
  )
})
