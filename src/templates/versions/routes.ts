// Routes that create and read template versions.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../../audit/request.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import {
  ApiError,
  badRequest,
  conflict,
  forbidden,
  notFound,
  tagDetail,
  validationFailed,
} from "../../platform/http/errors.ts"
import { randomName } from "../../platform/random-name.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, pageQuery, uuidSchema } from "../../platform/http/wire.ts"
import { notifyDaemons } from "../../queue/notify/daemons.ts"
import { normaliseTags } from "../../queue/tags.ts"
import { createVersion, type VersionAttempt } from "./create.ts"
import { createVersionRequest } from "./requests.ts"
import {
  listVersions,
  previousVersion,
  versionById,
  versionByName,
  versionByPath,
  versionListGate,
} from "./statements.ts"
import { toVersionView, versionSchema, type VersionRow } from "./view.ts"

const tags = ["Template versions"]
const idParam = z.object({ id: uuidSchema })

export const versionRoutes = createRouter()

const create = createRoute({
  method: "post",
  path: "/organizations/{organization}/templateversions",
  tags,
  summary: "Create a template version from an uploaded archive",
  request: {
    params: z.object({ organization: z.string() }),
    body: jsonRequest(createVersionRequest),
  },
  responses: {
    201: jsonBody(versionSchema, "The version; its import is pending."),
    ...errors(400, 401, 403, 404, 409),
  },
})

versionRoutes.openapi(create, async (c) => {
  const body = c.req.valid("json")
  const { now } = c.var
  if (body.example_id) {
    if (body.file_id !== null)
      throw badRequest("You cannot specify both an example_id and a file_id.")
    throw new ApiError(404, "Example not found.")
  }
  if (body.file_id === null) {
    throw validationFailed([{ field: "file_id", detail: tagDetail("required_without", "") }])
  }
  const id = crypto.randomUUID()
  const name = body.name || randomName()
  const version = {
    id,
    jobId: crypto.randomUUID(),
    organization: c.req.valid("param").organization,
    name,
    message: body.message ?? "",
    templateId: body.template_id,
    fileId: body.file_id,
    provisioner: body.provisioner,
    tags: normaliseTags("", body.tags ?? {}),
    userVariableValues: body.user_variable_values ?? [],
  }
  try {
    const [attempts, rows] = await c.var.caller.batch([
      createVersion(version, auditRequest(c)),
      versionById(id, now),
    ])
    const [row] = rows
    const [attempt] = attempts
    if (!row || !attempt) throw refusal(attempt)
    c.executionCtx.waitUntil(notifyDaemons(c.env, c.var, [attempt]))
    return c.json(toVersionView(row), 201)
  } catch (error) {
    if (isUniqueViolation(error, "template_versions_name")) {
      throw conflict(
        `A template version with name ${JSON.stringify(name)} already exists for this template.`,
        {
          validations: [
            { field: "name", detail: "This value is already in use and should be unique." },
          ],
        },
      )
    }
    throw error
  }
})

function refusal(attempt: VersionAttempt | undefined): ApiError {
  if (!attempt) return notFound()
  if (!attempt.has_template) return new ApiError(404, "Template does not exist.")
  if (!attempt.allowed) return forbidden()
  return new ApiError(404, "File not found.")
}

const get = createRoute({
  method: "get",
  path: "/templateversions/{id}",
  tags,
  summary: "A template version",
  request: { params: idParam },
  responses: { 200: jsonBody(versionSchema, "The version."), ...errors(400, 401, 404) },
})

versionRoutes.openapi(get, async (c) => {
  const [row] = await c.var.caller.query(versionById(c.req.valid("param").id, c.var.now))
  if (!row) throw notFound()
  return c.json(toVersionView(row), 200)
})

const listQuery = pageQuery.extend({
  after_id: uuidSchema.optional(),
  include_archived: z.string().optional(),
})

const list = createRoute({
  method: "get",
  path: "/templates/{id}/versions",
  tags,
  summary: "The versions of a template, the oldest first",
  request: { params: idParam, query: listQuery },
  responses: { 200: jsonBody(z.array(versionSchema), "The versions."), ...errors(400, 401, 404) },
})

versionRoutes.openapi(list, async (c) => {
  const { id } = c.req.valid("param")
  const { limit, offset, after_id, include_archived } = c.req.valid("query")
  const afterId = after_id ?? null
  const page = {
    limit,
    offset,
    afterId,
    includeArchived: /^(1|t|true)$/i.test(include_archived ?? ""),
  }
  const [gates, rows] = await c.var.caller.batch([
    versionListGate(id, afterId),
    listVersions(id, page, c.var.now),
  ])
  const [gate] = gates
  if (!gate) throw notFound()
  if (!gate.after_found)
    throw badRequest(`Record at "after_id" (${JSON.stringify(afterId)}) does not exist.`)
  return c.json(rows.map(toVersionView), 200)
})

const byName = createRoute({
  method: "get",
  path: "/templates/{id}/versions/{name}",
  tags,
  summary: "A version of a template by its name",
  request: { params: z.object({ id: uuidSchema, name: z.string() }) },
  responses: { 200: jsonBody(versionSchema, "The version."), ...errors(400, 401, 404) },
})

versionRoutes.openapi(byName, async (c) => {
  const { id, name } = c.req.valid("param")
  const [[gate], [row]] = await c.var.caller.batch([
    versionListGate(id, null),
    versionByName(id, name, c.var.now),
  ])
  if (!gate) throw notFound()
  if (!row) throw noSuchName(name)
  return c.json(toVersionView(row), 200)
})

const pathParams = z.object({ organization: z.string(), template: z.string(), name: z.string() })

const byPath = createRoute({
  method: "get",
  path: "/organizations/{organization}/templates/{template}/versions/{name}",
  tags,
  summary: "A version by the names of its organization, template and itself",
  request: { params: pathParams },
  responses: { 200: jsonBody(versionSchema, "The version."), ...errors(401, 404) },
})

versionRoutes.openapi(byPath, async (c) => {
  const path = c.req.valid("param")
  const [row] = await c.var.caller.query(versionByPath(path, c.var.now))
  if (!row) throw noSuchName(path.name)
  return c.json(toVersionView(row), 200)
})

const previous = createRoute({
  method: "get",
  path: "/organizations/{organization}/templates/{template}/versions/{name}/previous",
  tags,
  summary: "The version created before this one",
  request: { params: pathParams },
  responses: {
    200: jsonBody(versionSchema, "The version before."),
    204: { description: "It is the first version." },
    ...errors(401, 404),
  },
})

versionRoutes.openapi(previous, async (c) => {
  const path = c.req.valid("param")
  const [row] = await c.var.caller.query(previousVersion(path, c.var.now))
  if (!row) throw noSuchName(path.name)
  return isVersion(row) ? c.json(toVersionView(row), 200) : c.body(null, 204)
})

const isVersion = (row: { id: string | null }): row is VersionRow => row.id !== null

const noSuchName = (name: string) =>
  new ApiError(404, `No template version found by name ${JSON.stringify(name)}.`)
