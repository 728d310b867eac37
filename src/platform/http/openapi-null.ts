// Null in the OpenAPI document, as the validators take it.
//
// A schema with a type of its own keeps that type when it becomes nullable, so the generator omits
// null. The validators decide instead: a field that takes null is documented as taking it.
import type { z } from "@hono/zod-openapi"
import type { JsonSchema, Schemas } from "./openapi-example.ts"

type Definition = {
  type: string
  shape?: Record<string, z.ZodType>
  element?: z.ZodType
  innerType?: z.ZodType
  in?: z.ZodType
  valueType?: z.ZodType
}

const definitionOf = (schema: z.ZodType) => schema._zod.def as unknown as Definition

/** The schema behind what makes it optional, nullable or transformed. */
function bare(schema: z.ZodType): z.ZodType {
  const { innerType, in: input } = definitionOf(schema)
  const inner = innerType ?? input
  return inner === undefined ? schema : bare(inner)
}

function takesNull(schema: z.ZodType): boolean {
  try {
    return schema.safeParse(null).success
  } catch {
    // A field that throws its own refusal.
    return false
  }
}

/** Adds null to every field of a documented body that its validator takes as null. */
export function documentNull(schema: z.ZodType, documented: JsonSchema, schemas: Schemas): void {
  const target = documented.$ref ? schemas[documented.$ref.split("/").at(-1) ?? ""] : documented
  if (target === undefined) return
  const { shape, element, valueType } = definitionOf(bare(schema))
  for (const [name, field] of Object.entries(shape ?? {})) {
    const property = target.properties?.[name]
    if (property === undefined || target.properties === undefined) continue
    documentNull(field, property, schemas)
    if (takesNull(field)) target.properties[name] = orNull(property)
  }
  if (element !== undefined && target.items !== undefined)
    documentNull(element, target.items, schemas)
  if (valueType !== undefined && typeof target.additionalProperties === "object")
    documentNull(valueType, target.additionalProperties, schemas)
}

/** A reference that is nullable is written as `allOf` with an object, which null never matches. */
export function mendNullableReferences(schema: unknown): void {
  if (typeof schema !== "object" || schema === null) return
  const { allOf } = schema as JsonSchema
  const [reference, other] = allOf ?? []
  if (reference?.$ref !== undefined && other !== undefined && isNullOnly(other)) {
    delete (schema as JsonSchema).allOf
    ;(schema as JsonSchema).anyOf = [reference, { type: "null" }]
  }
  for (const inner of Object.values(schema)) mendNullableReferences(inner)
}

const isNullOnly = ({ type, properties }: JsonSchema) =>
  Array.isArray(type) && type.includes("null") && properties === undefined

function orNull(schema: JsonSchema): JsonSchema {
  const options = schema.anyOf ?? schema.oneOf
  if (schema.$ref !== undefined || schema.allOf !== undefined)
    return { anyOf: [schema, { type: "null" }] }
  if (options !== undefined) {
    const hasNull = options.some(({ type }) => type === "null")
    return hasNull ? schema : { ...schema, anyOf: [...options, { type: "null" }] }
  }
  if (schema.type === undefined) return schema
  const types = [schema.type].flat()
  return {
    ...schema,
    type: types.includes("null") ? types : [...types, "null"],
    ...(schema.enum && !schema.enum.includes(null) && { enum: [...schema.enum, null] }),
  }
}
