// Reads dormouse.json: its defaults, its refusals, and the published schema.
import { readFile } from "node:fs/promises"
import { expect, test } from "vitest"
import { manifestJsonSchema, readManifest } from "../../../src/templates/manifest/manifest.ts"
import {
  reportedParameter,
  reportedPreset,
  reportedVariable,
} from "../../../src/templates/manifest/reported.ts"

const read = (over: object) =>
  readManifest(JSON.stringify({ scripts: { start: "start.sh" }, ...over }))

test("a manifest of one script is enough", () => {
  expect(read({})).toEqual({
    ok: true,
    manifest: {
      engine: "script",
      scripts: { start: "start.sh" },
      parameters: [],
      variables: [],
      presets: [],
      tags: {},
      resources: [],
    },
  })
})

test("a parameter without a default is required, one with a default is not", () => {
  const reading = read({
    parameters: [{ name: "a" }, { name: "cpus", type: "number", default_value: 2 }],
  })
  expect(reading).toMatchObject({
    ok: true,
    manifest: {
      parameters: [
        { name: "a", type: "string", required: true, default_value: "", mutable: true },
        { name: "cpus", type: "number", required: false, default_value: "2" },
      ],
    },
  })
})

const parameter = (over: object) => ({ parameters: [{ name: "p", ...over }] })
const preset = (over: object) => ({ presets: [{ name: "small", ...over }] })
const pool = (over: object) => preset({ prebuilds: { instances: 1, ...over } })
const scheduled = (...crons: string[]) =>
  pool({ scheduling: { timezone: "UTC", schedule: crons.map((cron) => ({ cron, instances: 2 })) } })
const agent = { name: "main", os: "linux", arch: "amd64" }
const optionA = [{ name: "A", value: "a" }]
const twoDefaults = [
  { name: "a", default: true },
  { name: "b", default: true },
]

test.each([
  [
    "unknown type",
    parameter({ type: "float" }),
    "parameters[0].type: must be one of string, number",
  ],
  [
    "a name twice",
    { parameters: [{ name: "p" }, { name: "p" }] },
    'parameters[1].name: "p" occurs twice',
  ],
  [
    "bounds on text",
    parameter({ validation_min: 1 }),
    "parameters[0].validation_min: is for numbers",
  ],
  [
    "bounds crossed",
    parameter({ type: "number", validation_min: 2, validation_max: 1 }),
    "is greater than",
  ],
  [
    "a bad pattern",
    parameter({ validation_regex: "(" }),
    "parameters[0].validation_regex: is not a regular",
  ],
  ["a pattern that RE2 has not", parameter({ validation_regex: "(?<=a)b" }), "is not a regular"],
  [
    "ephemeral alone",
    parameter({ ephemeral: true }),
    "parameters[0].ephemeral: needs a default_value",
  ],
  [
    "a default not offered",
    parameter({ default_value: "c", options: optionA }),
    "must match one of options",
  ],
  [
    "a preset of no parameter",
    preset({ parameters: { p: "x" } }),
    "presets[0].parameters.p: the template has no such parameter",
  ],
  [
    "a preset that is not offered",
    { ...parameter({ options: optionA }), ...preset({ parameters: { p: "c" } }) },
    "presets[0].parameters.p: parameter value must match one of options",
  ],
  [
    "a default of another type",
    parameter({ type: "bool", default_value: "yes" }),
    "parameters[0].default_value",
  ],
  ["two default presets", { presets: twoDefaults }, "presets: only one preset can be the default"],
  [
    "an empty preset value",
    preset({ parameters: { p: "" } }),
    "presets[0].parameters.p: must not be empty",
  ],
  ["a negative pool", pool({ instances: -1 }), "presets[0].prebuilds.instances"],
  ["a ttl too short", pool({ expiration_policy: { ttl: 60 } }), "must be 0 or 3600"],
  ["a cron with minutes", scheduled("0 9 * * 1"), "cron of 5 fields whose minute is *"],
  [
    "overlapping windows",
    scheduled("* 9-14 * * 1-5", "* 12-18 * * 1-5"),
    "schedule[1].cron: overlaps entry 0",
  ],
  ["an unknown zone", pool({ scheduling: { timezone: "Mars", schedule: [] } }), "IANA"],
  [
    "two agents of a name",
    { resources: [{ type: "t", name: "r", agents: [agent, agent] }] },
    "another agent",
  ],
  [
    "a script outside",
    { scripts: { start: "../start.sh" } },
    "scripts.start: must be a relative path",
  ],
  [
    "an absolute script",
    { scripts: { start: "/bin/sh" } },
    "scripts.start: must be a relative path",
  ],
  ["another engine", { engine: "terraform" }, 'engine: must be "script"'],
  ["no scripts", { scripts: undefined }, "scripts: "],
])("refused: %s", (_what, over, complaint) => {
  const reading = read(over)
  expect(reading.ok ? "" : reading.error).toContain(complaint)
})

test("a text that is not JSON is refused with the parser's words", () => {
  const reading = readManifest("{")
  expect(reading.ok ? "" : reading.error).toContain("dormouse.json is not JSON: ")
})

test("a flood of complaints is cut", () => {
  const reading = read({
    parameters: Array.from({ length: 50 }, (_, index) => ({ name: `p${index}`, type: 1 })),
  })
  expect(reading.ok ? "" : reading.error).toContain("- and 40 more")
})

test("the published JSON Schema is the one of the code", async () => {
  const text = await readFile(
    new URL("../../../docs/dormouse.schema.json", import.meta.url),
    "utf8",
  )
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(manifestJsonSchema())))
})

test.each([
  ["validation_min", { type: "number", validation_min: 3_000_000_000 }],
  ["validation_max", { type: "number", validation_max: -3_000_000_000 }],
  ["order", { order: 1_000_000 }],
  ["icon", { icon: "i".repeat(257) }],
  ["validation_regex", { validation_regex: "a{1000}a{1000}" }],
])("a manifest with a %s that the protocol would refuse names the field", (field, over) => {
  const reading = read(parameter({ default_value: "1", ...over }))
  expect(reading).toMatchObject({ ok: false })
  expect(!reading.ok && reading.error).toContain(`parameters[0].${field}`)
})

test("the protocol accepts the largest values of a manifest", () => {
  const text = "t".repeat(8_192)
  const name = "n".repeat(128)
  const reading = read({
    parameters: [
      {
        name,
        display_name: text,
        description: text,
        icon: "i".repeat(256),
        type: "number",
        default_value: "1",
        validation_error: text,
        validation_min: -2_147_483_648,
        validation_max: 2_147_483_647,
        order: 100_000,
      },
      {
        name: "options",
        default_value: "0",
        options: Array.from({ length: 256 }, (_, n) => ({
          name: "o".repeat(256),
          description: text,
          value: String(n),
          icon: "i".repeat(256),
        })),
      },
    ],
    variables: [{ name, description: text, default_value: text }],
    presets: [
      {
        name,
        description: "d".repeat(128),
        icon: "i".repeat(256),
        prebuilds: {
          instances: 1_000,
          expiration_policy: { ttl: 31_536_000 },
          scheduling: {
            timezone: "UTC",
            schedule: Array.from({ length: 100 }, (_, n) => ({
              cron: `* ${n % 24} ${1 + (n % 28)} ${1 + (n % 12)} *`,
              instances: 1,
            })).slice(0, 24),
          },
        },
      },
    ],
  })
  if (!reading.ok) throw new Error(reading.error)
  const { parameters, variables, presets } = reading.manifest
  for (const one of parameters) expect(reportedParameter.safeParse(one).error).toBeUndefined()
  for (const one of variables) expect(reportedVariable.safeParse(one).error).toBeUndefined()
  for (const one of presets) expect(reportedPreset.safeParse(one).error).toBeUndefined()
})

test("a byte-order mark before the manifest is skipped", () => {
  expect(readManifest(`\uFEFF{"scripts":{"start":"start.sh"}}`).ok).toBe(true)
})
