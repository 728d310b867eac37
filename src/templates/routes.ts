// Routes that create, list and read templates.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../audit/request.ts"
import { isUniqueViolation } from "../platform/db/errors.ts"
import { ApiError, badRequest, forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, uuidSchema } from "../platform/http/wire.ts"
import {
  createTemplateRequest,
  type CreateTemplateRequest,
  nameInUse,
  readNewSettings,
} from "./requests.ts"
import {
  listTemplates,
  organizationGate,
  parseTemplateSearch,
  type TemplateFilter,
} from "./search.ts"
import { createTemplate, templateById, templateByName, type TemplateAttempt } from "./statements.ts"
import { templateSchema, toTemplateView } from "./view.ts"

const tags = ["Templates"]
const organizationParam = z.object({ organization: z.string() })

export const templateRoutes = createRouter()

const create = createRoute({
  method: "post",
  path: "/organizations/{organization}/templates",
  tags,
  summary: "Create a template from a version",
  request: { params: organizationParam, body: jsonRequest(createTemplateRequest) },
  responses: { 201: jsonBody(templateSchema, "The template."), ...errors(400, 401, 403, 404, 409) },
})

templateRoutes.openapi(create, async (c) => {
  const body = c.req.valid("json")
  const { settings, validations } = readNewSettings(body)
  if (validations.length > 0) throw badRequest("Invalid create template request.", { validations })
  const template = {
    id: crypto.randomUUID(),
    organization: c.req.valid("param").organization,
    versionId: body.template_version_id,
    name: body.name,
    settings,
  }
  try {
    const [attempts, rows] = await c.var.caller.batch([
      createTemplate(template, auditRequest(c)),
      templateById(template.id),
    ])
    const [row] = rows
    if (!row) throw refusal(attempts[0], body)
    return c.json(toTemplateView(row), 201)
  } catch (error) {
    if (isUniqueViolation(error, "templates_name_live")) throw nameInUse(body.name)
    throw error
  }
})

function refusal(attempt: TemplateAttempt | undefined, body: CreateTemplateRequest): ApiError {
  if (!attempt) return notFound()
  if (!attempt.allowed) return forbidden()
  // First: this is all that repeating a request that succeeded should report.
  if (attempt.name_taken) return nameInUse(body.name)
  const named = JSON.stringify(body.template_version_id)
  if (!attempt.version_found) {
    return new ApiError(404, `Template version ${named} does not exist.`, {
      validations: [{ field: "template_version_id", detail: "Template version does not exist" }],
    })
  }
  if (attempt.version_archived) {
    return badRequest(`Template version ${named} is archived.`, {
      validations: [{ field: "template_version_id", detail: "Template version is archived" }],
    })
  }
  return badRequest(`Template version ${named} is already part of a template.`, {
    validations: [
      { field: "template_version_id", detail: "Template version is already part of a template" },
    ],
  })
}

const searchQuery = z.object({ q: z.string().max(4_096).optional() })

function readFilter(q: string | undefined): TemplateFilter {
  const { filter, issues } = parseTemplateSearch(q ?? "")
  if (issues !== null) throw badRequest("Invalid template search query.", { validations: issues })
  return filter
}

const list = createRoute({
  method: "get",
  path: "/templates",
  tags,
  summary: "Templates that the caller may read, the most used first",
  request: { query: searchQuery },
  responses: { 200: jsonBody(z.array(templateSchema), "The templates."), ...errors(400, 401) },
})

templateRoutes.openapi(list, async (c) => {
  const filter = readFilter(c.req.valid("query").q)
  const rows = await c.var.caller.query(listTemplates(filter, null))
  return c.json(rows.map(toTemplateView), 200)
})

const listOfOrganization = createRoute({
  method: "get",
  path: "/organizations/{organization}/templates",
  tags,
  summary: "Templates of an organization, the most used first",
  request: { params: organizationParam, query: searchQuery },
  responses: { 200: jsonBody(z.array(templateSchema), "The templates."), ...errors(400, 401, 404) },
})

templateRoutes.openapi(listOfOrganization, async (c) => {
  const filter = readFilter(c.req.valid("query").q)
  const { organization } = c.req.valid("param")
  const [[gate], rows] = await c.var.caller.batch([
    organizationGate(organization),
    listTemplates(filter, organization),
  ])
  if (!gate) throw notFound()
  return c.json(rows.map(toTemplateView), 200)
})

const example = z.object({
  id: z.string(),
  url: z.string(),
  name: z.string(),
  description: z.string(),
  icon: z.string(),
  tags: z.array(z.string()),
  markdown: z.string(),
})

// Registered before /templates/{id}, which would take `examples` as an id.
const examples = createRoute({
  method: "get",
  path: "/templates/examples",
  tags,
  summary: "Starter templates; there are none",
  responses: { 200: jsonBody(z.array(example), "An empty list."), ...errors(401) },
})

templateRoutes.openapi(examples, async (c) => {
  await c.var.caller.actor()
  return c.json([], 200)
})

const examplesOfOrganization = createRoute({
  method: "get",
  path: "/organizations/{organization}/templates/examples",
  tags,
  summary: "Starter templates; there are none",
  request: { params: organizationParam },
  responses: { 200: jsonBody(z.array(example), "An empty list."), ...errors(401, 404) },
})

templateRoutes.openapi(examplesOfOrganization, async (c) => {
  const [gate] = await c.var.caller.query(organizationGate(c.req.valid("param").organization))
  if (!gate) throw notFound()
  return c.json([], 200)
})

const get = createRoute({
  method: "get",
  path: "/templates/{id}",
  tags,
  summary: "A template",
  request: { params: z.object({ id: uuidSchema }) },
  responses: { 200: jsonBody(templateSchema, "The template."), ...errors(400, 401, 404) },
})

templateRoutes.openapi(get, async (c) => {
  const [row] = await c.var.caller.query(templateById(c.req.valid("param").id))
  if (!row) throw notFound()
  return c.json(toTemplateView(row), 200)
})

const getByName = createRoute({
  method: "get",
  path: "/organizations/{organization}/templates/{name}",
  tags,
  summary: "A template by the names of its organization and itself",
  request: { params: z.object({ organization: z.string(), name: z.string() }) },
  responses: { 200: jsonBody(templateSchema, "The template."), ...errors(401, 404) },
})

templateRoutes.openapi(getByName, async (c) => {
  const { organization, name } = c.req.valid("param")
  const [row] = await c.var.caller.query(templateByName(organization, name))
  if (!row) throw notFound()
  return c.json(toTemplateView(row), 200)
})
