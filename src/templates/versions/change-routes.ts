// Routes that change a version, and that choose the active version of a template.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../../audit/request.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import { requireBody } from "../../platform/http/body.ts"
import { ApiError, badRequest, forbidden, notFound } from "../../platform/http/errors.ts"
import { publishTemplate } from "../../platform/durable/publish.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  messageSchema,
  uuidSchema,
} from "../../platform/http/wire.ts"
import {
  archiveUnused,
  cancelImport,
  patchVersion,
  promoteVersion,
  setArchived,
  versionState,
  type Promotion,
} from "./change-statements.ts"
import { patchVersionRequest } from "./requests.ts"
import { versionById, versionListGate } from "./statements.ts"
import { toVersionView, versionSchema } from "./view.ts"

const tags = ["Template versions"]
const idParam = z.object({ id: uuidSchema })

export const versionChangeRoutes = createRouter()

const patch = createRoute({
  method: "patch",
  path: "/templateversions/{id}",
  middleware: requireBody,
  tags,
  summary: "Rename a version or change its message",
  request: { params: idParam, body: jsonRequest(patchVersionRequest) },
  responses: { 200: jsonBody(versionSchema, "The version."), ...errors(400, 401, 403, 404) },
})

versionChangeRoutes.openapi(patch, async (c) => {
  const { id } = c.req.valid("param")
  const { name, message } = c.req.valid("json")
  try {
    const [changed, [row]] = await c.var.caller.batch([
      patchVersion(id, { name: name || null, message: message ?? null }, auditRequest(c)),
      versionById(id, c.var.now),
    ])
    if (!row) throw notFound()
    if (changed.length === 0) throw forbidden()
    return c.json(toVersionView(row), 200)
  } catch (error) {
    if (!isUniqueViolation(error, "template_versions_name")) throw error
    throw badRequest("Error on patching template version the version name is already in use.", {
      validations: [{ field: "name", detail: "Name is already used" }],
    })
  }
})

const cancel = createRoute({
  method: "patch",
  path: "/templateversions/{id}/cancel",
  tags,
  summary: "Cancel a version's import",
  request: { params: idParam },
  responses: {
    200: jsonBody(messageSchema, "It is canceled, or its daemon will be notified."),
    ...errors(400, 401, 403, 404),
  },
})

versionChangeRoutes.openapi(cancel, async (c) => {
  const [state] = await c.var.caller.query(cancelImport(c.req.valid("param").id, c.var.now))
  if (!state) throw notFound()
  if (state.done) return c.json({ message: "Job has been marked as canceled..." }, 200)
  if (!state.allowed) throw forbidden()
  throw badRequest(
    state.completed ? "Job has already completed!" : "Job has already been marked as canceled!",
  )
})

const archivedSchema = z.string().openapi({ example: 'template version "5b9e1c0a-…" archived' })

const archiveRoute = (path: "archive" | "unarchive", summary: string) =>
  createRoute({
    method: "post",
    path: `/templateversions/{id}/${path}`,
    tags,
    summary,
    request: { params: idParam },
    responses: { 200: jsonBody(archivedSchema, "A sentence."), ...errors(400, 401, 403, 404) },
  })

versionChangeRoutes.openapi(
  archiveRoute("archive", "Archive a version that nothing uses"),
  async (c) => {
    const { id } = c.req.valid("param")
    const [changed, [state]] = await c.var.caller.batch([
      setArchived(id, true, auditRequest(c)),
      versionState(id),
    ])
    if (!state) throw notFound()
    if (changed.length > 0) return c.json(`template version ${JSON.stringify(id)} archived`, 200)
    if (!state.allowed) throw forbidden()
    if (state.archived) throw badRequest("Template version already archived")
    throw badRequest("Template version cannot be archived.", {
      detail: state.is_active
        ? "It is the active version of its template."
        : "A workspace is built from it.",
    })
  },
)

versionChangeRoutes.openapi(archiveRoute("unarchive", "Restore an archived version"), async (c) => {
  const { id } = c.req.valid("param")
  const [changed, [state]] = await c.var.caller.batch([
    setArchived(id, false, auditRequest(c)),
    versionState(id),
  ])
  if (!state) throw notFound()
  if (changed.length > 0) return c.json(`template version ${JSON.stringify(id)} unarchived`, 200)
  if (!state.allowed) throw forbidden()
  throw badRequest("Template version is not archived")
})

const archiveAll = createRoute({
  method: "post",
  path: "/templates/{id}/versions/archive",
  middleware: requireBody,
  tags,
  summary: "Archive the versions that a template no longer uses",
  request: { params: idParam, body: jsonRequest(z.object({ all: z.boolean().default(false) })) },
  responses: {
    200: jsonBody(
      z.object({ template_id: z.uuid(), archived_ids: z.array(z.uuid()) }),
      "Which were archived.",
    ),
    ...errors(400, 401, 403, 404),
  },
})

versionChangeRoutes.openapi(archiveAll, async (c) => {
  const { id } = c.req.valid("param")
  const [[gate], archived] = await c.var.caller.batch([
    versionListGate(id, null),
    archiveUnused(id, c.req.valid("json").all, auditRequest(c)),
  ])
  if (!gate) throw notFound()
  if (!gate.may_change) throw forbidden()
  return c.json({ template_id: id, archived_ids: archived.map((version) => version.id) }, 200)
})

const promote = createRoute({
  method: "patch",
  path: "/templates/{id}/versions",
  tags,
  summary: "Make a version the active one of its template",
  request: { params: idParam, body: jsonRequest(z.object({ id: uuidSchema })) },
  responses: { 200: jsonBody(messageSchema, "It is active."), ...errors(400, 401, 403, 404) },
})

versionChangeRoutes.openapi(promote, async (c) => {
  const { id } = c.req.valid("json")
  const template = c.req.valid("param").id
  const [promotion] = await c.var.caller.query(promoteVersion(template, id, auditRequest(c)))
  if (!promotion?.done) throw refusal(promotion)
  c.executionCtx.waitUntil(publishTemplate(c.env, template))
  return c.json({ message: "Updated the active template version!" }, 200)
})

function refusal(promotion: Promotion | undefined): ApiError {
  if (!promotion) return notFound()
  if (!promotion.allowed) return forbidden()
  if (!promotion.version_found) return new ApiError(404, "Template version not found.")
  if (!promotion.is_of_template) {
    return badRequest("The provided template version doesn't belong to the specified template.")
  }
  if (promotion.archived) return badRequest("The provided template version is archived.")
  return new ApiError(403, "Only versions that have been built successfully can be promoted.", {
    detail: `Attempted to promote a version with a ${promotion.job_status} build`,
  })
}
