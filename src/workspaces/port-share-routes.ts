// The shared ports of a workspace: none, since ports are forwarded to their owner only.
import { createRoute, z } from "@hono/zod-openapi"
import { notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody } from "../platform/http/wire.ts"
import { workspaceParam } from "./read-routes.ts"
import { watchTarget } from "./statements.ts"

const listRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/port-share",
  tags: ["Workspaces"],
  summary: "List the shared ports of a workspace: none",
  request: { params: workspaceParam },
  responses: {
    200: jsonBody(z.object({ shares: z.array(z.unknown()).max(0) }), "An empty list."),
    ...errors(400, 401, 404, 429, 503),
  },
})

export const portShareRoutes = createRouter().openapi(listRoute, async (c) => {
  const [workspace] = await c.get("caller").query(watchTarget(c.req.valid("param").workspace))
  if (workspace === undefined || workspace.deleted) throw notFound()
  return c.json({ shares: [] }, 200)
})
