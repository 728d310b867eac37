// Creating a workspace over HTTP, by the owner's path and by the older one with an organization.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { auditRequest } from "../../audit/request.ts"
import { isUniqueViolation } from "../../platform/db/errors.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { conflict } from "../../platform/http/errors.ts"
import { publishBuildChange, publishWorkspaces } from "../../platform/durable/publish.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest } from "../../platform/http/wire.ts"
import { notifyDaemons } from "../../queue/notify/daemons.ts"
import { createContext } from "./context.ts"
import { createRequest, type CreateRequest } from "./request.ts"
import { createWorkspace } from "./statement.ts"
import { nameTaken, planCreate } from "./plan.ts"
import { workspaceOfBuild } from "../statements.ts"
import { toWorkspaceView, workspaceSchema, type WorkspaceView } from "../view.ts"
import { viewerOf } from "../viewer.ts"

const shared = {
  method: "post" as const,
  tags: ["Workspaces"],
  description:
    "A ready prebuild of the preset is given away where there is one; otherwise a new workspace is built. Without a preset the one whose values the request matches best is taken.",
  responses: {
    201: jsonBody(workspaceSchema, "The workspace, its build pending."),
    ...errors(400, 401, 403, 404, 406, 409, 413, 429, 503),
  },
}

const user = z.string().openapi({ description: "An id, a username or `me`." })

const createForUserRoute = createRoute({
  ...shared,
  path: "/users/{user}/workspaces",
  summary: "Create a workspace for a user",
  request: { params: z.object({ user }), body: jsonRequest(createRequest) },
})

const createForMemberRoute = createRoute({
  ...shared,
  path: "/organizations/{organization}/members/{user}/workspaces",
  summary: "Create a workspace for a member of an organization",
  request: {
    params: z.object({ organization: z.string(), user }),
    body: jsonRequest(createRequest),
  },
})

export const workspaceCreateRoutes = createRouter()
  .openapi(createForUserRoute, async (c) => {
    const target = { user: c.req.valid("param").user, organization: null }
    return c.json(await create(c, target, c.req.valid("json")), 201)
  })
  .openapi(createForMemberRoute, async (c) =>
    c.json(await create(c, c.req.valid("param"), c.req.valid("json")), 201),
  )

// The template may change between the read and the write. Then the plan is made again.
const triesMax = 3

/** Takes two round trips: the context, then the write together with the read of the result. */
async function create(
  c: Context<AppEnv>,
  target: { user: string; organization: string | null },
  request: CreateRequest,
): Promise<WorkspaceView> {
  const now = c.get("now")
  const caller = c.get("caller")
  for (let tries = 1; tries <= triesMax; tries++) {
    const [context] = await caller.query(
      createContext({
        ...target,
        templateId: request.template_id,
        versionId: request.template_version_id,
        name: request.name,
      }),
    )
    const plan = planCreate(context, request, now)
    const ids = {
      workspaceId: crypto.randomUUID(),
      buildId: crypto.randomUUID(),
      jobId: crypto.randomUUID(),
    }
    const [made, rows] = await caller
      .batch([createWorkspace(plan, ids, auditRequest(c)), workspaceOfBuild(ids.buildId, now)])
      .catch((error: unknown) => {
        throw isUniqueViolation(error, "workspaces_name_live") ? nameTaken(request.name) : error
      })
    const [row] = rows
    if (row !== undefined) {
      const { organization_id } = row
      const job = { organization_id, provisioner: plan.version.provisioner, tags: plan.tags }
      c.executionCtx.waitUntil(
        Promise.all([
          notifyDaemons(c.env, c.var, [job]),
          publishWorkspaces(c.env, [row.id]),
          // The pool's agent may do nothing now except wait for its successor.
          ...(made[0]?.is_claim ? [publishBuildChange(c.env, row.id)] : []),
        ]),
      )
      const view = toWorkspaceView(row, await viewerOf(c), now)
      // Clients know this answer: the version's name is blank until the workspace is read again.
      return { ...view, latest_build: { ...view.latest_build, template_version_name: "" } }
    }
    if (made[0]?.was_picked && plan.claim.refusal !== null) throw plan.claim.refusal
  }
  throw conflict("The template changed while the workspace was created. Please try again.")
}
