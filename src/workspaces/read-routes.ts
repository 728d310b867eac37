// Reading workspaces over HTTP: the list, one by id, one by owner and name.
import { createRoute, z } from "@hono/zod-openapi"
import { ApiError, notFound } from "../platform/http/errors.ts"
import { jsonType } from "../platform/http/json.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, pageQuery, uuidSchema } from "../platform/http/wire.ts"
import { invalidSearch, listWorkspaces, streamList } from "./list/list.ts"
import { parseWorkspaceSearch } from "./list/search.ts"
import { workspaceById, workspaceByName } from "./statements.ts"
import { allowRenames, toWorkspaceView, workspaceSchema } from "./view.ts"
import { viewerOf } from "./viewer.ts"

export const workspaceParam = z.object({ workspace: uuidSchema })

const includeDeleted = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined || /^(0|f|false|)$/i.test(text)) return false
    if (/^(1|t|true)$/i.test(text)) return true
    context.addIssue({
      code: "custom",
      message: `Query param "include_deleted" must be a valid boolean: ${JSON.stringify(text)}`,
    })
    return z.NEVER
  })
  .openapi({ type: "boolean", description: "Also find a deleted workspace." })

const listRoute = createRoute({
  method: "get",
  path: "/workspaces",
  tags: ["Workspaces"],
  summary: "List the workspaces that the caller may read",
  description:
    "The caller's favourites first, then running ones, then by owner and name. A limit of 0 streams all.",
  request: {
    query: pageQuery.extend({
      q: z
        .string()
        .max(8_192)
        .default("")
        .openapi({ example: 'owner:me status:running param:"region=eu"' }),
    }),
  },
  responses: {
    200: jsonBody(
      z
        .object({ workspaces: z.array(workspaceSchema), count: z.int() })
        .openapi("WorkspacesResponse"),
      "A page of workspaces, and how many there are in all.",
    ),
    ...errors(400, 401, 429, 503),
  },
})

const byIdRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}",
  tags: ["Workspaces"],
  summary: "Read a workspace",
  request: { params: workspaceParam, query: z.object({ include_deleted: includeDeleted }) },
  responses: {
    200: jsonBody(workspaceSchema, "The workspace with its latest build."),
    ...errors(400, 401, 404, 410, 429, 503),
  },
})

const byNameRoute = createRoute({
  method: "get",
  path: "/users/{user}/workspace/{workspacename}",
  tags: ["Workspaces"],
  summary: "Read a workspace by its owner and name",
  request: {
    params: z.object({
      user: z.string().openapi({ description: "An id, a username or `me`." }),
      workspacename: z.string(),
    }),
    query: z.object({ include_deleted: includeDeleted }),
  },
  responses: {
    200: jsonBody(workspaceSchema, "The workspace with its latest build."),
    ...errors(400, 401, 404, 429, 503),
  },
})

export const workspaceReadRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const { q, limit, offset } = c.req.valid("query")
    const { filter, issues } = parseWorkspaceSearch(q)
    if (issues !== null) throw invalidSearch(issues)
    const list = await listWorkspaces(
      c.get("caller"),
      filter,
      { limit, offset },
      allowRenames(c.env),
      c.get("now"),
    )
    if (list.rest === null) return c.json({ workspaces: list.first, count: list.count }, 200)
    // The types have no streamed JSON. The text is the same as that of the branch above.
    return c.body(streamList(list), 200, { "Content-Type": jsonType }) as never
  })
  .openapi(byIdRoute, async (c) => {
    const now = c.get("now")
    const caller = c.get("caller")
    const [row] = await caller.query(workspaceById(c.req.valid("param").workspace, now))
    if (row === undefined) throw notFound()
    if (row.deleted && !c.req.valid("query").include_deleted) {
      throw new ApiError(410, `Workspace ${JSON.stringify(row.name)} is deleted.`, {
        detail: "Ask with include_deleted=true to read it all the same.",
      })
    }
    return c.json(toWorkspaceView(row, await viewerOf(c), now), 200)
  })
  .openapi(byNameRoute, async (c) => {
    const now = c.get("now")
    const caller = c.get("caller")
    const { user, workspacename } = c.req.valid("param")
    const isDeletedWanted = c.req.valid("query").include_deleted
    const [row] = await caller.query(workspaceByName(user, workspacename, isDeletedWanted, now))
    if (row === undefined) throw notFound()
    return c.json(toWorkspaceView(row, await viewerOf(c), now), 200)
  })
