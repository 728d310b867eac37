// A workspace's name, updates and favourite, over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../../audit/request.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import { ApiError, badRequest, conflict, forbidden, notFound } from "../../platform/http/errors.ts"
import { requireBody } from "../../platform/http/body.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonRequest } from "../../platform/http/wire.ts"
import { requireChanged, requireTarget } from "../change.ts"
import { workspaceName } from "../create/request.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { workspaceParam } from "../read-routes.ts"
import { renameWorkspace, setAutomaticUpdates, setFavorite } from "./changes.ts"
import { allowRenames } from "../view.ts"

const done = { description: "Done." }

const renameRoute = createRoute({
  method: "patch",
  path: "/workspaces/{workspace}",
  tags: ["Workspaces"],
  summary: "Rename the workspace",
  description: "Only where the deployment allows renames (`allow_renames` of a workspace).",
  middleware: requireBody,
  request: {
    params: workspaceParam,
    body: jsonRequest(
      z
        .object({ name: z.literal("").or(workspaceName).nullish() })
        .openapi("UpdateWorkspaceRequest", { example: { name: "new-name" } }),
    ),
  },
  responses: { 204: done, ...errors(400, 401, 403, 404, 405, 409, 413, 429, 503) },
})

const autoupdatesRoute = createRoute({
  method: "put",
  path: "/workspaces/{workspace}/autoupdates",
  tags: ["Workspaces"],
  summary: "Choose whether a start takes the template's active version",
  middleware: requireBody,
  request: {
    params: workspaceParam,
    body: jsonRequest(
      z
        .object({
          automatic_updates: z
            .string()
            .max(64)
            .nullish()
            .openapi({ enum: ["always", "never"] }),
        })
        .openapi("UpdateWorkspaceAutomaticUpdatesRequest"),
    ),
  },
  responses: { 204: done, ...errors(400, 401, 403, 404, 409, 429, 503) },
})

const favorite = {
  path: "/workspaces/{workspace}/favorite",
  tags: ["Workspaces"],
  request: { params: workspaceParam },
  responses: { 204: done, ...errors(400, 401, 403, 404, 429, 503) },
}
const favoriteRoute = createRoute({
  ...favorite,
  method: "put",
  summary: "Make it a favourite of its owner",
})
const unfavoriteRoute = createRoute({
  ...favorite,
  method: "delete",
  summary: "Make it no favourite",
})

export const workspaceSettingsRoutes = createRouter()
  .openapi(renameRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const name = c.req.valid("json").name || null
    const isAllowed = allowRenames(c.env)
    const [row] = await c
      .get("caller")
      .query(renameWorkspace(id, name ?? "", isAllowed && name !== null, auditRequest(c)))
      .catch((error: unknown) => {
        if (!isUniqueViolation(error, "workspaces_name_live")) throw error
        throw conflict(`The workspace name ${JSON.stringify(name)} is already in use.`, {
          validations: [
            { field: "name", detail: "This value is already in use and should be unique." },
          ],
        })
      })
    const facts = requireTarget(row)
    if (name === null || name === facts.name) return c.body(null, 204)
    if (!isAllowed) throw badRequest("Workspace renames are not allowed.")
    if (facts.deleted) {
      throw new ApiError(
        405,
        `Workspace ${JSON.stringify(facts.name)} is deleted and cannot be updated.`,
      )
    }
    requireChanged(facts)
    c.executionCtx.waitUntil(publishWorkspaces(c.env, [id]))
    return c.body(null, 204)
  })
  .openapi(autoupdatesRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const value = c.req.valid("json").automatic_updates ?? ""
    const isValid = value === "always" || value === "never"
    const [row] = await c
      .get("caller")
      .query(setAutomaticUpdates(id, value, isValid, auditRequest(c)))
    const facts = requireTarget(row)
    if (!isValid) {
      throw badRequest("Invalid request", {
        validations: [{ field: "automatic_updates", detail: "must be always or never" }],
      })
    }
    requireChanged(facts)
    return c.body(null, 204)
  })
  .openapi(favoriteRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const [facts] = await c.get("caller").query(setFavorite(id, true, auditRequest(c)))
    if (facts === undefined) throw notFound()
    if (!facts.is_owner) throw forbidden("You can only favorite workspaces that you own.")
    return c.body(null, 204)
  })
  .openapi(unfavoriteRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const [facts] = await c.get("caller").query(setFavorite(id, false, auditRequest(c)))
    if (facts === undefined) throw notFound()
    if (!facts.is_owner) throw forbidden("You can only un-favorite workspaces that you own.")
    return c.body(null, 204)
  })
