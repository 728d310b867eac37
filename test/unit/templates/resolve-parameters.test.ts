// The parameter values of a build, and the preset that they match.
import { expect, test } from "vitest"
import { matchPreset } from "../../../src/templates/parameters/match-preset.ts"
import {
  resolveParameters,
  type ParameterDefinition,
} from "../../../src/templates/parameters/resolve.ts"
import { prebuilds as cases } from "../../cases/read.ts"

type CaseParameter = {
  name: string
  mutable: boolean
  required?: boolean
  ephemeral?: boolean
  default?: string
}
type Row = {
  name: string
  previous: Record<string, string>
  given: Record<string, string>
  presetParams: Record<string, string>
  params: CaseParameter[]
  expected: { values: Record<string, string> }
}

const values = (record: Record<string, string | undefined>) =>
  new Map(
    Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )

const parameter = (over: Partial<ParameterDefinition>): ParameterDefinition => ({
  name: "p",
  type: "string",
  options: [],
  mutable: true,
  required: false,
  ephemeral: false,
  default_value: "",
  ...over,
})

const rows: Row[] = JSON.parse(JSON.stringify(cases.groups.buildParameters))

test.each(rows)("buildParameters: $name", (row) => {
  const parameters = row.params.map(({ default: default_value = "", ...rest }) =>
    parameter({ default_value, ...rest }),
  )
  const resolved = resolveParameters({
    parameters,
    preset: values(row.presetParams),
    given: values(row.given),
    previous: values(row.previous),
  })
  expect(resolved).toEqual({
    ok: true,
    values: Object.entries(row.expected.values).map(([name, value]) => ({ name, value })),
  })
})

type Check = {
  what: string
  rule: Partial<ParameterDefinition>
  given?: string
  previous?: string
  detail: string | null
}

const number = (rule: Partial<ParameterDefinition>) => ({ type: "number", ...rule }) as const
const options = [{ value: "a" }, { value: "b" }]
const list = { options, type: "list(string)" } as const
const immutable = `Parameter "p" is not mutable, so it can't be updated after creating a workspace.`

const checks: Check[] = [
  { what: "required, absent", rule: { required: true }, detail: "parameter value is required" },
  { what: "required, carried over", rule: { required: true }, previous: "x", detail: null },
  {
    what: "required, empty",
    rule: { required: true },
    given: "",
    detail: "parameter value is required",
  },
  {
    what: "immutable, changed",
    rule: { mutable: false },
    given: "new",
    previous: "old",
    detail: immutable,
  },
  {
    what: "immutable, the same",
    rule: { mutable: false },
    given: "old",
    previous: "old",
    detail: null,
  },
  { what: "one of the options", rule: { options }, given: "b", detail: null },
  {
    what: "none of the options",
    rule: { options },
    given: "c",
    detail: 'must match one of options: ["a","b"]',
  },
  {
    what: "an old value that left the options",
    rule: { options },
    previous: "z",
    detail: "must match one of",
  },
  { what: "several choices of a list", rule: list, given: '["a","b"]', detail: null },
  { what: "a choice too many", rule: list, given: '["a","c"]', detail: "must match one of" },
  {
    what: "not a list",
    rule: { type: "list(string)" },
    given: "a,b",
    detail: "JSON list of strings",
  },
  { what: "a bool", rule: { type: "bool" }, given: "true", detail: null },
  { what: "not a bool", rule: { type: "bool" }, given: "yes", detail: "true" },
  { what: "not a number", rule: number({}), given: "0x10", detail: "must be a number" },
  { what: "at the minimum", rule: number({ validation_min: 3 }), given: "3", detail: null },
  {
    what: "below the minimum",
    rule: number({ validation_min: 3 }),
    given: "2.9",
    detail: "less than the minimum 3",
  },
  { what: "at the maximum", rule: number({ validation_max: 3 }), given: "3", detail: null },
  {
    what: "above the maximum",
    rule: number({ validation_max: 3 }),
    given: "4",
    detail: "more than the maximum 3",
  },
  {
    what: "the author's own words",
    rule: number({
      validation_min: 1,
      validation_max: 3,
      validation_error: "{value} is not in {min}..{max}",
    }),
    given: "4",
    detail: "4 is not in 1..3",
  },
  {
    what: "falling where it may only rise",
    rule: number({ validation_monotonic: "increasing" }),
    given: "4",
    previous: "5",
    detail: "equal or greater than previous value: 5",
  },
  {
    what: "rising where it may only rise",
    rule: number({ validation_monotonic: "increasing" }),
    given: "10",
    previous: "9",
    detail: null,
  },
  {
    what: "rising where it may only fall",
    rule: number({ validation_monotonic: "decreasing" }),
    given: "6",
    previous: "5",
    detail: "equal or lower than previous value: 5",
  },
  { what: "a matching text", rule: { validation_regex: "^[a-z]+$" }, given: "abc", detail: null },
  {
    what: "a text that does not match",
    rule: { validation_regex: "^[a-z]+$" },
    given: "ABC",
    detail: "pattern",
  },
  {
    what: "a text that matches by RE2's flags",
    rule: { validation_regex: "(?i)^[a-z]+$" },
    given: "ABC",
    detail: null,
  },
  {
    // A backtracking engine would be at it for longer than the universe is old.
    what: "a text on which others backtrack without an end",
    rule: { validation_regex: "^(a+)+$" },
    given: `${"a".repeat(8000)}!`,
    detail: "pattern",
  },
  { what: "a NUL byte", rule: {}, given: "a\0b", detail: "NUL" },
]

test.each(checks)("$what", ({ rule, given, previous, detail }) => {
  const resolved = resolveParameters({
    parameters: [parameter(rule)],
    preset: values({}),
    given: values({ p: given }),
    previous: values({ p: previous }),
  })
  if (detail === null) expect(resolved.ok).toBe(true)
  else {
    expect(resolved).toMatchObject({
      ok: false,
      parameter: "p",
      message: 'Unable to validate parameter "p"',
      detail: expect.stringContaining(detail),
    })
  }
})

test("an empty optional value takes its default, and an unknown name is ignored", () => {
  const resolved = resolveParameters({
    parameters: [parameter({ default_value: "d" })],
    preset: values({}),
    given: values({ p: "", unknown: "ignored" }),
    previous: values({}),
  })
  expect(resolved).toEqual({ ok: true, values: [{ name: "p", value: "d" }] })
})

type PresetRow = {
  name: string
  presets: Record<string, Record<string, string>>
  given: Record<string, string>
  expected: string | null
}
const presetRows: PresetRow[] = JSON.parse(JSON.stringify(cases.groups.presetMatching))

test.each(presetRows)("presetMatching: $name", (row) => {
  const presets = Object.entries(row.presets).map(([name, record]) => ({
    name,
    parameters: Object.entries(record).map(([name, value]) => ({ name, value })),
  }))
  expect(matchPreset(presets, values(row.given))?.name ?? null).toBe(row.expected)
})
