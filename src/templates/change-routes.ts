// Routes that change and delete templates.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../audit/request.ts"
import { isUniqueViolation } from "../platform/db/errors.ts"
import { requireBody } from "../platform/http/body.ts"
import { badRequest, forbidden, notFound } from "../platform/http/errors.ts"
import { publishTemplate } from "../platform/durable/publish.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, messageSchema, uuidSchema } from "../platform/http/wire.ts"
import { followScheduleChange } from "./policy/follow-schedule-change.ts"
import { deleteTemplate, patchTemplate } from "./change-statements.ts"
import { nameInUse, patchTemplateRequest, readSettingsChange } from "./requests.ts"
import { templateById } from "./statements.ts"
import { templateSchema, toTemplateView } from "./view.ts"

const tags = ["Templates"]
const idParam = z.object({ id: uuidSchema })

export const templateChangeRoutes = createRouter()

const patch = createRoute({
  method: "patch",
  path: "/templates/{id}",
  middleware: requireBody,
  tags,
  summary: "Change a template; fields that are left out keep their value",
  request: { params: idParam, body: jsonRequest(patchTemplateRequest) },
  responses: { 200: jsonBody(templateSchema, "The template."), ...errors(400, 401, 403, 404, 409) },
})

templateChangeRoutes.openapi(patch, async (c) => {
  const { id } = c.req.valid("param")
  const body = c.req.valid("json")
  const { change: settings, validations } = readSettingsChange(body)
  if (validations.length > 0)
    throw badRequest("Invalid request to update template metadata!", { validations })
  const change = { name: body.name || null, settings }
  const intents = {
    updateWorkspaceLastUsedAt: body.update_workspace_last_used_at ?? false,
    updateWorkspaceDormantAt: body.update_workspace_dormant_at ?? false,
  }
  try {
    const [[changed], [row]] = await c.var.caller.batch([
      patchTemplate(id, change, intents, auditRequest(c)),
      templateById(id),
    ])
    if (!row) throw notFound()
    if (!changed) throw forbidden()
    // Before the answer, so that a client that reads next sees it. The tick does what is left over.
    if (changed.must_follow) await followScheduleChange(c.var.db, id, c.var.now)
    c.executionCtx.waitUntil(publishTemplate(c.env, row.id))
    return c.json(toTemplateView(row), 200)
  } catch (error) {
    if (isUniqueViolation(error, "templates_name_live")) throw nameInUse(body.name ?? "")
    throw error
  }
})

const remove = createRoute({
  method: "delete",
  path: "/templates/{id}",
  tags,
  summary: "Delete a template that no workspace uses",
  request: { params: idParam },
  responses: { 200: jsonBody(messageSchema, "It is deleted."), ...errors(400, 401, 403, 404) },
})

templateChangeRoutes.openapi(remove, async (c) => {
  const [deletion] = await c.var.caller.query(
    deleteTemplate(c.req.valid("param").id, auditRequest(c)),
  )
  if (!deletion) throw notFound()
  if (deletion.done) return c.json({ message: "Template has been deleted!" }, 200)
  if (!deletion.allowed) throw forbidden()
  throw badRequest("All workspaces must be deleted before a template can be removed.")
})
