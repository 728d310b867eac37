// The parts of an OpenAPI document that we write and read.
import type { JsonSchema, Schemas } from "./openapi-example.ts"

export type Media = { schema?: JsonSchema; example?: unknown }
type Answer = { description: string; content?: Record<string, Media> }
export type Parameter = {
  name: string
  in: string
  required?: boolean
  description?: string
  schema?: JsonSchema
}
export type Operation = {
  operationId?: string
  tags?: string[]
  summary?: string
  description?: string
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, Answer>
  security?: Record<string, string[]>[]
}
export type ApiDocument = {
  info: { title: string; version: string; description?: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Schemas; securitySchemes?: Record<string, unknown> }
}
