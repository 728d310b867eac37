// Recorded lines of the tool become the log, the timings and the error of a job.
import { describe, expect, test } from "vitest"
import { createSecretMask } from "../../../../../src/programs/provisioner/engines/terraform/secrets.ts"
import { collectTimings } from "../../../../../src/programs/provisioner/engines/terraform/timings.ts"
import {
  type Diagnostic,
  errorOf,
  missingVariables,
  parseUiLine,
  toLogOutputs,
  type UiLine,
} from "../../../../../src/programs/provisioner/engines/terraform/ui-line.ts"
import { exists, expectedOf, read, recordings } from "../../../../terraform/cases.ts"

const linesOf = (...path: [string, ...string[]]): UiLine[] =>
  exists(...path)
    ? read(...path)
        .split("\n")
        .map(parseUiLine)
        .filter((line) => line !== null)
    : []

const diagnosticsOf = (lines: readonly UiLine[]): Diagnostic[] =>
  lines.map(({ diagnostic }) => diagnostic).filter((diagnostic) => diagnostic !== null)

describe("the lines of a build become its timings", () => {
  const builds = recordings.flatMap((recording) =>
    Object.entries(expectedOf(recording.name).builds ?? {})
      .filter(([, { timings }]) => timings !== undefined)
      .map(([label, { timings = [] }]) => Object.assign({ label, timings }, recording)),
  )

  test.each(builds)("$title: $label", ({ name, folder, label, timings }) => {
    const rows = (["plan", "apply"] as const).flatMap((stage) => {
      const collector = collectTimings(stage)
      for (const line of linesOf(name, folder, `${label}.${stage}.ui.jsonl`)) collector.add(line)
      return collector.timings()
    })
    const found = rows.map(({ stage, source, action, resource }) => ({
      stage,
      source,
      action,
      resource,
    }))
    expect(found).toEqual(expect.arrayContaining(timings))
    expect(found).toHaveLength(timings.length)
    for (const { started_at, ended_at } of rows) {
      expect(Date.parse(ended_at)).toBeGreaterThanOrEqual(Date.parse(started_at))
    }
  })
})

describe("the diagnostics of a step that failed become the error of the job", () => {
  const failed = recordings.flatMap((recording) => {
    const { import: imported, builds = {} } = expectedOf(recording.name)
    return [["import-start", imported] as const, ...Object.entries(builds)].flatMap(
      ([label, { fails } = {}]) =>
        fails === undefined ? [] : [Object.assign({ label, fails }, recording)],
    )
  })

  test.each(failed)("$title: $label", ({ name, folder, label, fails }) => {
    const files = ["init.ui.jsonl", `${label}.plan.ui.jsonl`, `${label}.apply.ui.jsonl`]
    const error = errorOf(diagnosticsOf(files.flatMap((file) => linesOf(name, folder, file))))
    for (const { summary, detail = "", at = "" } of fails.errors ?? []) {
      expect(error).toContain(summary)
      expect(error).toContain(detail.trim())
      expect(error).toContain(`(${at})`)
    }
  })

  test("more than five errors are counted, not listed", () => {
    const one: Diagnostic = { severity: "error", summary: "Bad", detail: "", at: null, code: "" }
    const error = errorOf(Array.from({ length: 8 }, () => one))
    expect(error?.split("\n")).toEqual(["Bad", "Bad", "Bad", "Bad", "Bad", "and 3 more errors"])
    expect(errorOf([{ ...one, severity: "warning" }])).toBeNull()
  })
})

test.each(["raw", "raw-terraform"])(
  "a plan without values names the variables that lack one: %s",
  (folder) => {
    const diagnostics = diagnosticsOf(linesOf("variables", folder, "import-missing.plan.ui.jsonl"))
    expect(missingVariables(diagnostics)).toEqual(
      expectedOf("variables").import_without_values?.fails.missing,
    )
  },
)

describe("lines of the log", () => {
  const line = (properties: object) =>
    parseUiLine(JSON.stringify({ "@level": "info", "@message": "words", ...properties }))

  test.each([
    ["a message", {}, [{ level: "info", output: "words" }]],
    [
      "a message of two lines",
      { "@message": "a\nb" },
      [
        { level: "info", output: "a" },
        { level: "info", output: "b" },
      ],
    ],
    [
      "a refresh, which is for debugging",
      { type: "refresh_start" },
      [{ level: "debug", output: "words" }],
    ],
    ["the tool's version", { type: "version" }, []],
    ["outputs, which carry values", { type: "outputs" }, []],
    ["a resource that stays as it is", { type: "planned_change", change: { action: "noop" } }, []],
    ["a kind that nobody knows", { type: "tomorrow" }, [{ level: "info", output: "words" }]],
    [
      "a diagnostic with its place",
      {
        "@level": "error",
        diagnostic: {
          severity: "error",
          summary: "Bad",
          detail: "Worse.\n",
          range: { filename: "main.tf", start: { line: 3 } },
        },
      },
      [
        { level: "error", output: "words" },
        { level: "error", output: "Worse." },
        { level: "error", output: "on main.tf line 3" },
      ],
    ],
  ])("shows %s", (_, properties, expected) => {
    const parsed = line(properties)
    expect(parsed && toLogOutputs(parsed)).toEqual(expected)
  })

  test.each([["Successfully configured the backend"], ["{ not json"], ['{"a":1}'], [""]])(
    "leaves plain text to the caller: %j",
    (text) => expect(parseUiLine(text)).toBeNull(),
  )
})

describe("secrets", () => {
  const hidden = (secret: string, text: string) => {
    const mask = createSecretMask()
    mask.add(secret)
    return mask.hide(text)
  }

  test.each([
    ["a value anywhere in a line", "s3cr3t-key", "key=s3cr3t-key;", "key=[secret];"],
    ["each line of a private key", "first-line\nsecond-line", "> second-line", "> [secret]"],
    ["the texts of a list", '["alpha-secret","beta-secret"]', "a beta-secret", "a [secret]"],
    [
      "the texts of a map in the tool's syntax",
      '{ a = "alpha-secret" }',
      "alpha-secret",
      "[secret]",
    ],
    ["signs that mean something in a pattern", "a.b*c$(d", "x a.b*c$(d", "x [secret]"],
    ["no value of five characters", "short", "a short word", "a short word"],
  ])("hides %s", (_, secret, text, expected) => expect(hidden(secret, text)).toBe(expected))

  test("hides the longer of two secrets where one begins with the other", () => {
    const mask = createSecretMask()
    mask.add("secret-1")
    mask.add("secret-1-and-more")
    expect(mask.hide("secret-1-and-more")).toBe("[secret]")
  })

  test("hides the key that a script of the variables case printed", () => {
    const lines = linesOf("variables", "raw", "build-1-start.apply.ui.jsonl")
    const outputs = lines.flatMap(toLogOutputs).map(({ output }) => output)
    expect(outputs.join("\n")).toContain("s3cr3t-api-key")
    expect(outputs.map((output) => hidden("s3cr3t-api-key", output)).join("\n")).not.toContain(
      "s3cr3t-api-key",
    )
  })
})
