// The script of the page at / finds what it looks for in the page.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"

const root = join(import.meta.dirname, "..", "..", "..")
const page = readFileSync(join(root, "src/deployment/overview-page.ts"), "utf8")
const script = readFileSync(join(root, "assets/overview/overview.js"), "utf8")

test("every part of the page that its script names is there", () => {
  const ids = [...script.matchAll(/byId\("([\w-]+)"\)/g)].map(([, id]) => id)
  expect(ids.length).toBeGreaterThan(5)
  for (const id of ids) expect(page).toContain(`id="${id}"`)
})

test("every field of its forms that its script reads is there", () => {
  const fields = [...script.matchAll(/\{ ([\w, ]+) \} = byId\("[\w-]+"\)\.elements/g)].flatMap(
    ([, names]) => (names ?? "").split(", "),
  )
  expect(fields).toEqual(["email", "password", "template", "name"])
  for (const field of fields) expect(page).toContain(`name="${field}"`)
})

test("every asset that the page names is there", () => {
  const paths = [...page.matchAll(/(?:src|href)="(\/overview\/[^"]+)"/g)].map(
    ([, path]) => path ?? "",
  )
  expect(paths.length).toBe(4)
  for (const path of paths) expect(readFileSync(join(root, "assets", path), "utf8")).not.toBe("")
})
