// Routes that read what an import found: parameters, variables, presets and resources.
import { createRoute, z } from "@hono/zod-openapi"
import { resourceSchema } from "../../agents/views/schemas.ts"
import { toResourceViews } from "../../agents/views/view.ts"
import { ApiError, badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../../platform/http/wire.ts"
import { jobLogSchema } from "../../queue/logs/read.ts"
import { logQuery, serveLogs } from "../../queue/logs/serve.ts"
import { plainText } from "../manifest/plain-text.ts"
import {
  versionGate,
  versionJob,
  versionParameters,
  versionPresets,
  versionResources,
  versionVariables,
  type ParameterRow,
  type PresetRow,
  type VariableRow,
} from "./detail-statements.ts"

const tags = ["Template versions"]
const idParam = z.object({ id: uuidSchema })

const parameterSchema = z
  .object({
    name: z.string(),
    display_name: z.string().optional(),
    description: z.string(),
    description_plaintext: z.string(),
    type: z.enum(["string", "number", "bool", "list(string)"]),
    form_type: z.string(),
    mutable: z.boolean(),
    default_value: z.string(),
    icon: z.string(),
    options: z.array(
      z.object({ name: z.string(), description: z.string(), value: z.string(), icon: z.string() }),
    ),
    validation_error: z.string().optional(),
    validation_regex: z.string().optional(),
    validation_min: z.int().optional(),
    validation_max: z.int().optional(),
    validation_monotonic: z.enum(["increasing", "decreasing"]).optional(),
    required: z.boolean(),
    ephemeral: z.boolean(),
  })
  .openapi("TemplateVersionParameter")

const toParameterView = ({
  display_name,
  validation_error,
  validation_regex,
  validation_min,
  validation_max,
  validation_monotonic,
  ...row
}: ParameterRow): z.infer<typeof parameterSchema> => ({
  ...row,
  description_plaintext: plainText(row.description),
  ...(display_name !== "" && { display_name }),
  ...(validation_error !== "" && { validation_error }),
  ...(validation_regex !== "" && { validation_regex }),
  ...(validation_min !== null && { validation_min }),
  ...(validation_max !== null && { validation_max }),
  ...(validation_monotonic !== "" && { validation_monotonic }),
})

export const versionDetailRoutes = createRouter()

const richParameters = createRoute({
  method: "get",
  path: "/templateversions/{id}/rich-parameters",
  tags,
  summary: "The parameters of a version",
  request: { params: idParam },
  responses: {
    200: jsonBody(z.array(parameterSchema), "In the template's order."),
    ...errors(400, 401, 404, 425),
  },
})

versionDetailRoutes.openapi(richParameters, async (c) => {
  const { id } = c.req.valid("param")
  const [[gate], rows] = await c.var.caller.batch([versionGate(id), versionParameters(id)])
  if (!gate) throw notFound()
  if (!gate.is_complete) throw new ApiError(425, "Template version job has not finished")
  return c.json(rows.map(toParameterView), 200)
})

const variableSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    type: z.enum(["string", "number", "bool"]),
    value: z.string(),
    default_value: z.string(),
    required: z.boolean(),
    sensitive: z.boolean(),
  })
  .openapi("TemplateVersionVariable")

const redacted = "*redacted*"

const toVariableView = (row: VariableRow): z.infer<typeof variableSchema> =>
  row.sensitive ? { ...row, value: redacted, default_value: redacted } : row

const variables = createRoute({
  method: "get",
  path: "/templateversions/{id}/variables",
  tags,
  summary: "The variables of a version, sensitive ones redacted",
  request: { params: idParam },
  responses: { 200: jsonBody(z.array(variableSchema), "By name."), ...errors(400, 401, 404) },
})

versionDetailRoutes.openapi(variables, async (c) => {
  const { id } = c.req.valid("param")
  const [[gate], rows] = await c.var.caller.batch([versionGate(id), versionVariables(id)])
  if (!gate) throw notFound()
  return c.json(rows.map(toVariableView), 200)
})

/** Clients expect capital keys here. */
const presetSchema = z
  .object({
    ID: z.uuid(),
    Name: z.string(),
    Parameters: z.array(z.object({ Name: z.string(), Value: z.string() })),
    Default: z.boolean(),
    DesiredPrebuildInstances: z.int().nullable(),
    Description: z.string(),
    Icon: z.string(),
  })
  .openapi("Preset")

const toPresetView = (row: PresetRow): z.infer<typeof presetSchema> => ({
  ID: row.id,
  Name: row.name,
  Parameters: row.parameters,
  Default: row.is_default,
  DesiredPrebuildInstances: row.desired_instances,
  Description: row.description,
  Icon: row.icon,
})

const presets = createRoute({
  method: "get",
  path: "/templateversions/{id}/presets",
  tags,
  summary: "The presets of a version",
  request: { params: idParam },
  responses: {
    200: jsonBody(z.array(presetSchema), "In the template's order."),
    ...errors(400, 401, 404),
  },
})

versionDetailRoutes.openapi(presets, async (c) => {
  const { id } = c.req.valid("param")
  const [[gate], rows] = await c.var.caller.batch([versionGate(id), versionPresets(id)])
  if (!gate) throw notFound()
  return c.json(rows.map(toPresetView), 200)
})

const resources = createRoute({
  method: "get",
  path: "/templateversions/{id}/resources",
  tags,
  summary: "The resources of a version, running and stopped",
  request: { params: idParam },
  responses: { 200: jsonBody(z.array(resourceSchema), "The resources."), ...errors(400, 401, 404) },
})

versionDetailRoutes.openapi(resources, async (c) => {
  const [row] = await c.var.caller.query(versionResources(c.req.valid("param").id, c.var.now))
  if (!row) throw notFound()
  if (!row.is_complete) throw badRequest("Job hasn't completed!")
  return c.json(toResourceViews(row.resources), 200)
})

const logs = createRoute({
  method: "get",
  path: "/templateversions/{id}/logs",
  tags,
  summary: "The log of a version's import, at once or followed over a WebSocket",
  request: { params: idParam, query: logQuery },
  responses: {
    101: { description: "One text frame a line, until the job has ended." },
    200: jsonBody(z.array(jobLogSchema), "Its lines."),
    ...errors(400, 401, 404, 426),
  },
})

versionDetailRoutes.openapi(logs, async (c) =>
  serveLogs(c, c.req.valid("query"), versionJob(c.req.valid("param").id)),
)

// Clients read these before they create a workspace. They are always empty.
const nothing = z.array(z.unknown()).max(0)
const emptyLists = {
  "external-auth": "Providers that a workspace needs; none",
  schema: "Deprecated; empty",
  parameters: "Deprecated; empty",
} as const

for (const [name, summary] of Object.entries(emptyLists)) {
  const route = createRoute({
    method: "get",
    path: `/templateversions/{id}/${name}`,
    tags,
    summary,
    request: { params: idParam },
    responses: { 200: jsonBody(nothing, "An empty list."), ...errors(400, 401, 404) },
  })
  versionDetailRoutes.openapi(route, async (c) => {
    const { id } = z.object({ id: z.string() }).parse(c.req.param())
    const [gate] = await c.var.caller.query(versionGate(id.toLowerCase()))
    if (!gate) throw notFound()
    return c.json([], 200)
  })
}
