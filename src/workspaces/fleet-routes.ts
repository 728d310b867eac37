// Reads about workspaces besides the workspaces themselves, over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { userIdOf } from "../access/lookup.ts"
import { timingsOfBuild, timingsSchema, toTimingsView } from "../builds/timings.ts"
import { notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody } from "../platform/http/wire.ts"
import { resolveParameters } from "../templates/parameters/resolve.ts"
import { autostartContext, fleetOf, quotaOf, readableUser } from "./fleet.ts"
import { workspaceParam } from "./read-routes.ts"

const user = z.string().openapi({ description: "An id, a username or `me`." })

const fleetRoute = createRoute({
  method: "get",
  path: "/users/{user}/workspaces",
  tags: ["Workspaces"],
  summary: "All workspaces of a user, with the state and the agents of their latest build",
  description: "Only those that the caller may read; deleted ones are left out.",
  request: { params: z.object({ user }) },
  responses: {
    200: jsonBody(
      z.array(
        z
          .object({
            id: z.uuid(),
            name: z.string(),
            template_id: z.uuid(),
            organization_id: z.uuid(),
            job_status: z.enum([
              "pending",
              "running",
              "succeeded",
              "canceling",
              "canceled",
              "failed",
            ]),
            transition: z.enum(["start", "stop", "delete"]),
            agents: z.array(z.object({ id: z.uuid(), name: z.string() })),
          })
          .openapi("FleetWorkspace"),
      ),
      "The user's workspaces, by name.",
    ),
    ...errors(401, 404, 429, 503),
  },
})

const quotaRoute = createRoute({
  method: "get",
  path: "/organizations/{organization}/members/{user}/workspace-quota",
  tags: ["Workspaces"],
  summary: "What a member's workspaces cost a day",
  request: { params: z.object({ organization: z.string(), user }) },
  responses: {
    200: jsonBody(
      z.object({ credits_consumed: z.int(), budget: z.int() }).openapi("WorkspaceQuota", {
        description: "A budget of -1 is unlimited.",
      }),
      "The cost and the budget.",
    ),
    ...errors(401, 404, 429, 503),
  },
})

const timingsRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/timings",
  tags: ["Workspaces"],
  summary: "How long each part of the latest build took",
  request: { params: workspaceParam },
  responses: { 200: jsonBody(timingsSchema, "The timings."), ...errors(400, 401, 404, 429, 503) },
})

const resolveAutostartRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/resolve-autostart",
  tags: ["Workspaces"],
  summary: "Whether the next automatic start lacks a parameter",
  request: { params: workspaceParam },
  responses: {
    200: jsonBody(
      z.object({ parameter_mismatch: z.boolean() }).openapi("ResolveAutostartResponse"),
      "True where the active version asks for what the last build does not have.",
    ),
    ...errors(400, 401, 404, 429, 503),
  },
})

// Quotas belong to groups, which grant none.
const unlimited = -1

export const workspaceFleetRoutes = createRouter()
  .openapi(fleetRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [found, fleet] = await c
      .get("caller")
      .batch([readableUser(user), fleetOf(userIdOf(user))])
    if (found.length + fleet.length === 0) throw notFound()
    return c.json(
      fleet as z.infer<(typeof fleetRoute.responses)[200]["content"]["application/json"]["schema"]>,
      200,
    )
  })
  .openapi(quotaRoute, async (c) => {
    const { user, organization } = c.req.valid("param")
    const [quota] = await c.get("caller").query(quotaOf(user, organization))
    if (quota === undefined) throw notFound()
    return c.json({ credits_consumed: quota.credits_consumed, budget: unlimited }, 200)
  })
  .openapi(timingsRoute, async (c) => {
    const { workspace } = c.req.valid("param")
    const latest = sql`(select w.latest_build_id from workspaces w where w.id = ${workspace}::uuid)`
    const [row] = await c.get("caller").query(timingsOfBuild(latest))
    if (row === undefined) throw notFound()
    return c.json(toTimingsView(row.timings), 200)
  })
  .openapi(resolveAutostartRoute, async (c) => {
    const [context] = await c.get("caller").query(autostartContext(c.req.valid("param").workspace))
    if (context === undefined) throw notFound()
    if (!context.uses_active || context.is_on_active)
      return c.json({ parameter_mismatch: false }, 200)
    const resolved = resolveParameters({
      parameters: context.parameters,
      preset: new Map(),
      given: new Map(),
      previous: new Map(context.previous.map(({ name, value }) => [name, value] as const)),
    })
    return c.json({ parameter_mismatch: !resolved.ok }, 200)
  })
