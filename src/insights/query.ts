/** The query parameters that insights questions share, and the errors that they answer with. */
import { z } from "@hono/zod-openapi"
import { badRequest, forbidden, notFound, type Validation } from "../http/errors.ts"
import { uuidSchema } from "../http/wire.ts"
import { parseWindow, type Window } from "./window.ts"

const TEMPLATE_COUNT_MAX = 100
const OFFSET_HOURS_MIN = -12
const OFFSET_HOURS_MAX = 14

export const windowQuery = z.object({
  start_time: z.string().max(64).optional().openapi({ description: "RFC 3339, midnight of its zone." }),
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

/** The window and the templates of a question, or the 400 that says what is wrong with them. */
export function readWindowQuery(
  query: z.infer<typeof windowQuery>,
  now: Date,
): { window: Window; templateIds: string[] } {
  const window = parseWindow(query.start_time, query.end_time, now)
  const problems = Array.isArray(window) ? [...window] : []
  const templateIds = (query.template_ids ?? "")
    .split(",")
    .flatMap((text) => (text.trim() === "" ? [] : [text.trim()]))
  const parsed = z.array(uuidSchema).max(TEMPLATE_COUNT_MAX).safeParse(templateIds)
  if (!parsed.success) {
    problems.push({
      field: "template_ids",
      detail: `Query param "template_ids" must hold at most ${TEMPLATE_COUNT_MAX} UUIDs.`,
    })
  }
  if (Array.isArray(window) || !parsed.success) throw invalidQuery(problems)
  return { window, templateIds: parsed.data }
}

export const throwInvalidQuery = (problem: Validation): never => {
  throw invalidQuery([problem])
}

/** 404 for a template that cannot be read, 403 for one whose insights may not be seen. */
export function checkScope(
  templateIds: readonly string[],
  scope: readonly { id: string; allowed: boolean }[],
): void {
  if (new Set(templateIds).size > scope.length) throw notFound()
  if (scope.some(({ allowed }) => !allowed)) throw forbidden()
}

/** `tz_offset`: whole hours, east positive. */
export function readOffset(text: string | undefined): number {
  const hours = Number(text === undefined || text === "" ? 0 : text)
  if (!Number.isInteger(hours) || hours < OFFSET_HOURS_MIN || hours > OFFSET_HOURS_MAX) {
    throw invalidQuery([
      {
        field: "tz_offset",
        detail: `Query param "tz_offset" must be a whole number from ${OFFSET_HOURS_MIN} to ${OFFSET_HOURS_MAX}.`,
      },
    ])
  }
  return hours
}
