// The route that evaluates the parameters of a version for a form.
import { createRoute, z } from "@hono/zod-openapi"
import { ApiError, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, uuidSchema } from "../../platform/http/wire.ts"
import { evaluateParameters } from "../parameters/evaluate.ts"
import { versionGate, versionParameters } from "./detail-statements.ts"

const request = z
  .object({
    id: z.int(),
    inputs: z
      .record(z.string().max(128), z.string().max(8_192))
      .refine((inputs) => Object.keys(inputs).length <= 1_000, { error: "too many inputs" })
      .nullish(),
    owner_id: uuidSchema.nullish(),
  })
  .openapi("DynamicParametersRequest")

const diagnostic = z.object({
  severity: z.enum(["error", "warning"]),
  summary: z.string(),
  detail: z.string(),
  extra: z.object({ code: z.string() }),
})
const value = z.object({ value: z.string(), valid: z.boolean() })

const parameter = z.object({
  name: z.string(),
  display_name: z.string(),
  description: z.string(),
  icon: z.string(),
  type: z.enum(["string", "number", "bool", "list(string)"]),
  form_type: z.string(),
  styling: z.object({}),
  mutable: z.boolean(),
  required: z.boolean(),
  ephemeral: z.boolean(),
  order: z.int(),
  default_value: value,
  value,
  options: z.array(
    z.object({ name: z.string(), description: z.string(), value, icon: z.string() }),
  ),
  validations: z.array(
    z.object({
      validation_error: z.string(),
      validation_regex: z.string().nullable(),
      validation_min: z.int().nullable(),
      validation_max: z.int().nullable(),
      validation_monotonic: z.enum(["increasing", "decreasing"]).nullable(),
    }),
  ),
  diagnostics: z.array(diagnostic),
})

const answerSchema = z
  .object({ id: z.int(), diagnostics: z.array(diagnostic), parameters: z.array(parameter) })
  .openapi("DynamicParametersResponse")

const evaluate = createRoute({
  method: "post",
  path: "/templateversions/{id}/dynamic-parameters/evaluate",
  tags: ["Template versions"],
  summary: "Evaluate the parameters of a version with given values",
  description: "Evaluates the rows of the import. Conditions that need a plan are not evaluated.",
  request: { params: z.object({ id: uuidSchema }), body: jsonRequest(request) },
  responses: {
    200: jsonBody(answerSchema, "The parameters with values and diagnostics."),
    ...errors(400, 401, 404, 425),
  },
})

export const versionEvaluateRoutes = createRouter().openapi(evaluate, async (c) => {
  const { id } = c.req.valid("param")
  const body = c.req.valid("json")
  const [[gate], rows] = await c.var.caller.batch([versionGate(id), versionParameters(id)])
  if (!gate) throw notFound()
  if (!gate.is_complete) throw new ApiError(425, "Template version job has not finished")
  const parameters = evaluateParameters(rows, body.inputs ?? {})
  return c.json({ id: body.id, diagnostics: [], parameters }, 200)
})
