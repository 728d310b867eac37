// Values for a JSON schema of the OpenAPI document, and whether a value is one that it allows.
import * as fc from "fast-check"
import type { JsonSchema, Schemas } from "../../src/platform/http/openapi-example.ts"

type Ids = readonly string[]

const oddTexts = [
  "",
  " ",
  "a\u0000b",
  "\ud800",
  "🐭".repeat(40),
  "x".repeat(10_000),
  "../..",
  "%",
  '"',
  "null",
  "__proto__",
  "constructor",
  "9999-12-31T23:59:59-23:59",
  "+010000-01-01T00:00:00Z",
  "0000-00-00",
  "CRON_TZ=UTC 0 0 31 2 *",
]
const oddNumbers = [0, -1, 1, 0.5, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, 2 ** 63, 1e28, 1e308]
const oddTimes = ["2024-02-29T00:00:00Z", "2000-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"]

const resolve = (schema: JsonSchema, schemas: Schemas): JsonSchema =>
  schema.$ref === undefined ? schema : (schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {})

/** Mostly values that the schema allows; one in eight is any value at all. */
export function valueOf(
  schema: JsonSchema,
  schemas: Schemas,
  ids: Ids,
  depth = 0,
): fc.Arbitrary<unknown> {
  const odd = fc.oneof(
    fc.constantFrom(...oddTexts, ...oddNumbers, null, true, [], {}),
    fc.jsonValue({ maxDepth: 1 }),
  )
  if (depth > 6) return odd
  return fc.oneof(
    { weight: 7, arbitrary: allowedOf(resolve(schema, schemas), schemas, ids, depth) },
    { weight: 1, arbitrary: odd },
  )
}

function allowedOf(
  schema: JsonSchema,
  schemas: Schemas,
  ids: Ids,
  depth: number,
): fc.Arbitrary<unknown> {
  const inner = (one: JsonSchema) => valueOf(one, schemas, ids, depth + 1)
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return fc.oneof(...options.map(inner))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  const example = schema.example === undefined ? [] : [fc.constant(schema.example)]
  const kinds = [schema.type ?? "object"].flat().map((type): fc.Arbitrary<unknown> => {
    switch (type) {
      case "object":
        return objectOf(schema, inner)
      case "array":
        return fc.array(inner(schema.items ?? {}), { maxLength: 3 })
      case "integer":
      case "number":
        return fc.oneof(
          fc.integer({ min: schema.minimum ?? -10, max: schema.maximum ?? 100_000_000 }),
          fc.constantFrom(...oddNumbers.slice(0, 5)),
        )
      case "boolean":
        return fc.boolean()
      case "null":
        return fc.constant(null)
      default:
        return textOf(schema, ids)
    }
  })
  return fc.oneof(...kinds, ...example)
}

function objectOf(
  { properties = {}, required = [], additionalProperties }: JsonSchema,
  inner: (schema: JsonSchema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, inner(property)]),
  )
  if (Object.keys(fields).length === 0 && typeof additionalProperties === "object")
    return fc.dictionary(fc.string({ maxLength: 12 }), inner(additionalProperties), { maxKeys: 2 })
  return fc.record(fields, { requiredKeys: required })
}

function textOf({ format }: JsonSchema, ids: Ids): fc.Arbitrary<string> {
  if (format === "uuid") return fc.oneof(fc.constantFrom(...ids), fc.uuid())
  if (format === "date-time") return fc.constantFrom(...oddTimes)
  return fc.oneof(fc.string({ maxLength: 24 }), fc.constantFrom(...ids, ...oddTexts))
}

/** True if the document allows the value. Formats of text are the server's to judge. */
export function allows(given: JsonSchema, value: unknown, schemas: Schemas): boolean {
  const schema = resolve(given, schemas)
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined) return options.some((one) => allows(one, value, schemas))
  if (schema.allOf?.every((one) => allows(one, value, schemas)) === false) return false
  if (schema.enum !== undefined && !schema.enum.includes(value)) return false
  if (schema.const !== undefined && schema.const !== value) return false
  const types = [schema.type ?? []].flat()
  if (types.length > 0 && !types.some((type) => isOfType(type, value))) return false
  if (typeof value === "number") {
    const { minimum = -Infinity, maximum = Infinity } = schema
    return value >= minimum && value <= maximum
  }
  if (Array.isArray(value))
    return value.every((one) => schema.items === undefined || allows(schema.items, one, schemas))
  if (typeof value !== "object" || value === null) return true
  const fields = value as Record<string, unknown>
  return (
    (schema.required ?? []).every((name) => Object.hasOwn(fields, name)) &&
    Object.entries(schema.properties ?? {}).every(
      ([name, property]) => !Object.hasOwn(fields, name) || allows(property, fields[name], schemas),
    )
  )
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case "null":
      return value === null
    case "array":
      return Array.isArray(value)
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value)
    case "integer":
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}
