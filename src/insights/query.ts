// The query parameters that insights requests share, and their errors.
import { z } from "@hono/zod-openapi"
import { badRequest, forbidden, notFound, type Validation } from "../platform/http/errors.ts"
import { uuidSchema } from "../platform/http/wire.ts"
import { parseWindow, type Window } from "./window.ts"

const templateCountMax = 100
const offsetHoursMin = -12
const offsetHoursMax = 14
const wholeNumber = /^[+-]?\d+$/

export const windowQuery = z.object({
  start_time: z
    .string()
    .max(64)
    .optional()
    .openapi({ description: "RFC 3339, midnight of its zone." }),
  end_time: z
    .string()
    .max(64)
    .optional()
    .openapi({ description: "RFC 3339, midnight, or a whole hour of today." }),
  template_ids: z
    .string()
    .max(4000)
    .optional()
    .openapi({ description: "Template ids, separated by commas." }),
})

const invalidQuery = (validations: Validation[]) =>
  badRequest("Query parameter has invalid value.", { validations })

/** The error for a value of the wrong type, worded as in every other route. */
const unreadableQuery = (validation: Validation) =>
  badRequest("Query parameters have invalid values.", { validations: [validation] })

/**
 * Reads the window and the templates of a request. Throws the 400 that says what is wrong with
 * them.
 */
export function readWindowQuery(
  query: z.infer<typeof windowQuery>,
  now: Date,
): { window: Window; templateIds: string[] } {
  const window = parseWindow(query.start_time, query.end_time, now)
  const templateIds = (query.template_ids ?? "")
    .split(",")
    .flatMap((text) => (text.trim() === "" ? [] : [text.trim()]))
  const parsed = z.array(uuidSchema).max(templateCountMax).safeParse(templateIds)
  if (Array.isArray(window)) throw invalidQuery(window)
  if (!parsed.success) {
    throw unreadableQuery({
      field: "template_ids",
      detail: `Query param "template_ids" must hold at most ${templateCountMax} UUIDs.`,
    })
  }
  return { window, templateIds: parsed.data }
}

export const throwInvalidQuery = (problem: Validation): never => {
  throw invalidQuery([problem])
}

/**
 * Throws a 404 for a template that cannot be read, a 403 for one whose insights may not be seen.
 */
export function checkScope(
  templateIds: readonly string[],
  scope: readonly { id: string; allowed: boolean }[],
): void {
  if (new Set(templateIds).size > scope.length) throw notFound()
  if (scope.some(({ allowed }) => !allowed)) throw forbidden()
}

/** `tz_offset`: whole hours, east positive. */
export function readOffset(text: string | undefined): number {
  const hours = text === undefined || text === "" ? 0 : Number(wholeNumber.exec(text)?.[0])
  if (!Number.isInteger(hours) || hours < offsetHoursMin || hours > offsetHoursMax) {
    throw unreadableQuery({
      field: "tz_offset",
      detail:
        `Query param "tz_offset" must be a whole number ` +
        `from ${offsetHoursMin} to ${offsetHoursMax}.`,
    })
  }
  return hours
}
