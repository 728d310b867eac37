// How values look on the wire, and the schemas that many routes share.
import { z } from "@hono/zod-openapi"
import { instantMax, instantMin } from "../db/values.ts"

export const nilUuid = "00000000-0000-0000-0000-000000000000"
export const zeroTime = "0001-01-01T00:00:00Z"

/** RFC 3339 in UTC with no trailing zeros: `2024-01-01T12:00:00Z`, `2024-01-01T12:00:00.5Z`. */
export function wireTime(at: Date): string {
  if (at.getTime() === instantMax.getTime() || at.getTime() === instantMin.getTime())
    return zeroTime
  return at.toISOString().replace(/\.?0+Z$/, "Z")
}

export function wireTimeOrNull(at: Date | null): string | null {
  return at === null ? null : wireTime(at)
}

/**
 * A 64-bit integer, as a typed decoder takes it. Beyond 2^53 its last digits are lost, but such a
 * value is out of every bound that we have.
 */
export const int64Schema = z
  .number()
  .superRefine((value, context) => {
    if (Number.isInteger(value) && Math.abs(value) <= 2 ** 63) return
    const message = "Invalid input: expected int64"
    context.addIssue({ code: "invalid_type", expected: "int", input: value, message })
  })
  .openapi({ type: "integer", format: "int64" })

export const uuidSchema = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "must be a valid UUID")
  .transform((text) => text.toLowerCase())
  .openapi({ type: "string", format: "uuid", example: "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11" })

export const timeSchema = z
  .string()
  .openapi({ format: "date-time", example: "2024-01-01T12:00:00Z" })

export const errorSchema = z
  .object({
    message: z
      .string()
      .openapi({ example: "Resource not found or you do not have access to this resource" }),
    detail: z.string().optional(),
    validations: z.array(z.object({ field: z.string(), detail: z.string() })).optional(),
  })
  .openapi("Error")

export const messageSchema = z.object({ message: z.string() }).openapi("Message")

/** A JSON answer in a route's `responses`. */
export function jsonBody<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } }
}

/** A JSON request body. It is `required`, or a request without one would skip validation. */
export function jsonRequest<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } }
}

export const errorDescriptions = {
  400: "The request is malformed or breaks a rule.",
  401: "No credential, or one that is not valid.",
  403: "The caller may read the thing but not do this.",
  404: "There is no such thing, or the caller may not read it.",
  405: "The workspace is deleted.",
  406: "The version is still being imported.",
  409: "The state of the thing forbids it.",
  410: "The workspace is deleted.",
  412: "The job is not in the expected state.",
  413: "The body is too large.",
  417: "It is still in use.",
  425: "Too early: the job has not finished.",
  426: "The endpoint is a WebSocket.",
  429: "Too many requests.",
  500: "A fault of the server.",
  503: "The database does not answer. If a write may have been done, the detail says so.",
} as const
export type ErrorStatus = keyof typeof errorDescriptions

/** The error answers of a route, by status. */
export function errors<const S extends keyof typeof errorDescriptions>(...statuses: S[]) {
  return Object.fromEntries(
    statuses.map((status) => [status, jsonBody(errorSchema, errorDescriptions[status])]),
  ) as Record<S, ReturnType<typeof jsonBody<typeof errorSchema>>>
}

const int32Max = 2_147_483_647
const pageNumber = (name: string) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === "") return 0
      if (!/^\d{1,10}$/.test(text) || Number(text) > int32Max) {
        const problem = `must be a valid 32-bit positive integer: ${JSON.stringify(text)}`
        context.addIssue({ code: "custom", message: `Query param "${name}" ${problem}` })
        return z.NEVER
      }
      return Number(text)
    })
    .openapi({ type: "integer", minimum: 0 })

/** The page of a list: `limit` (0: no limit) and `offset`. */
export const pageQuery = z.object({ limit: pageNumber("limit"), offset: pageNumber("offset") })
