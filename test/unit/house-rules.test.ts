// Rules of style that no linter has: time is an argument, files have headers, names are kebab-case.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { sourceFiles } from "./source-files.ts"

const linesMax = 300
const code = ["src", "dev", "bench", "test"].flatMap(sourceFiles)
const worker = sourceFiles("src").filter(({ path }) => !path.startsWith("src/programs/"))

/** Without comments, so that they may name what is forbidden. */
const bare = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, "$1")

test("the Worker reads a clock in src/clock.ts alone", () => {
  const found = worker.filter(
    ({ path, text }) => path !== "src/clock.ts" && /Date\.now\(|new Date\(\)/.test(bare(text)),
  )
  expect(found.map(({ path }) => path)).toEqual([])
})

test("no statement asks the database what time it is", () => {
  const found = worker.filter(({ text }) =>
    /(?<![.\w])(now\(\)|current_timestamp|clock_timestamp\(\))/i.test(bare(text)),
  )
  expect(found.map(({ path }) => path)).toEqual([])
})

test("a file opens with a sentence that says what it is for", () => {
  const found = code.filter(({ text }) => !/^(#!.*\n)?(\/\/|\/\*\*?)\s*\S/.test(text))
  expect(found.map(({ path }) => path)).toEqual([])
})

test("a file's name is kebab-case", () => {
  expect(
    code
      .map(({ path }) => path)
      .filter((path) => !/^([a-z0-9.-]+\/)*[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(path)),
  ).toEqual([])
})

test("a file of the program stays below 300 lines, lists of columns aside", () => {
  const found = code.filter(
    ({ path, text }) =>
      !/^(test|src\/platform\/db\/schema)\//.test(path) && text.split("\n").length > linesMax + 1,
  )
  expect(found.map(({ path, text }) => `${path}: ${text.split("\n").length}`)).toEqual([])
})

test("each package with an install script is allowed to run it or denied", () => {
  const { allowScripts } = JSON.parse(readFileSync("package.json", "utf8"))
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"))
  const scripted = Object.entries<{ hasInstallScript?: boolean }>(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path.split("node_modules/").at(-1) ?? "")
  expect(Object.keys(allowScripts).toSorted()).toEqual([...new Set(scripted)].toSorted())
  expect(readFileSync(".npmrc", "utf8")).toContain("strict-allow-scripts=true")
})

test("no file has a name that says nothing", () => {
  const found = code.filter(({ path }) =>
    /(^|\/)(utils?|helpers?|common|misc|index)\.ts$/.test(path),
  )
  expect(found.map(({ path }) => path)).toEqual(["src/index.ts"])
})

test("docs/dependencies.md gives a reason for each dependency, and for nothing else", () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync("package.json", "utf8"))
  const page = readFileSync("docs/dependencies.md", "utf8")
  const cells = [...page.matchAll(/^\| ([^|]+) \| [^|]*\w[^|]*\|$/gm)].map(([, cell = ""]) => cell)
  const named = cells.flatMap((cell) => cell.split(",")).map((name) => name.trim())
  expect(named.filter((name) => name !== "package").toSorted()).toEqual(
    Object.keys({ ...dependencies, ...devDependencies }).toSorted(),
  )
})

test("each path that a page names exists", () => {
  const pages = ["README.md", "ARCHITECTURE.md", "migrations/README.md"].concat(
    readdirSync("docs")
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  )
  const missing = pages.flatMap((page) =>
    [
      ...readFileSync(page, "utf8").matchAll(
        /`((?:src|test|dev|bench|docs|migrations|assets)\/[\w./-]+)`/g,
      ),
    ]
      .map(([, path = ""]) => path)
      .filter((path) => !existsSync(path) && !path.startsWith("assets/bin/"))
      .map((path) => `${page}: ${path}`),
  )
  expect(missing).toEqual([])
})
