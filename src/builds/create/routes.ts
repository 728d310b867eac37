// Routes that create and cancel builds.
import { createRoute, z } from "@hono/zod-openapi"
import { actorId } from "../../access/may.ts"
import { auditRequest } from "../../audit/request.ts"
import { ApiError, badRequest, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  messageSchema,
  uuidSchema,
} from "../../platform/http/wire.ts"
import { notifyDaemons } from "../../queue/notify/daemons.ts"
import {
  publishBuildChange,
  publishJobLogs,
  publishWorkspaces,
} from "../../platform/durable/publish.ts"
import { buildRequest } from "./request.ts"
import { buildJob } from "../statements.ts"
import { cancelBuild, type CancelAttempt } from "../cancel-statement.ts"
import { requestBuild } from "./create-build.ts"
import { buildSchema } from "../view.ts"

const tags = ["Builds"]

export const buildCreateRoutes = createRouter()

const create = createRoute({
  method: "post",
  path: "/workspaces/{workspace}/builds",
  tags,
  summary: "Start, stop or delete a workspace",
  request: { params: z.object({ workspace: uuidSchema }), body: jsonRequest(buildRequest) },
  responses: {
    201: jsonBody(buildSchema, "The build, its job pending."),
    ...errors(400, 401, 403, 404, 406, 409, 503),
  },
})

buildCreateRoutes.openapi(create, async (c) => {
  const requester = { session: c.var.caller, initiator: actorId, isSystem: false }
  const { workspace } = c.req.valid("param")
  const { view, created } = await requestBuild(
    requester,
    workspace,
    c.req.valid("json"),
    auditRequest(c),
  )
  c.executionCtx.waitUntil(
    Promise.all([
      notifyDaemons(c.env, c.var, [created]),
      publishWorkspaces(c.env, [workspace]),
      // A start over a running build ends its agents' rights; a stop lets them finish.
      ...(view.transition === "start" ? [publishBuildChange(c.env, workspace)] : []),
    ]),
  )
  // Clients expect a blank version name here, until they read the build again.
  return c.json({ ...view, template_version_name: "" }, 201)
})

const cancel = createRoute({
  method: "patch",
  path: "/workspacebuilds/{build}/cancel",
  tags,
  summary: "Cancel a build",
  request: {
    params: z.object({ build: uuidSchema }),
    query: z.object({
      expect_status: z
        .string()
        .optional()
        .openapi({ enum: ["pending", "running"] }),
    }),
  },
  responses: {
    200: jsonBody(messageSchema, "It is canceled, or will be."),
    ...errors(400, 401, 403, 404, 412),
  },
})

buildCreateRoutes.openapi(cancel, async (c) => {
  const expected = parseExpected(c.req.valid("query").expect_status)
  const { build } = c.req.valid("param")
  const [[attempt], [job]] = await c.var.caller.batch([
    cancelBuild(build, expected, c.var.now),
    buildJob(build),
  ])
  if (!attempt || !job) throw notFound()
  if (!attempt.canceled) throw refusal(attempt)
  c.executionCtx.waitUntil(
    Promise.all([
      publishWorkspaces(c.env, [attempt.workspace_id]),
      publishJobLogs(c.env, [job.job_id]),
      publishBuildChange(c.env, attempt.workspace_id),
    ]),
  )
  return c.json({ message: "Job has been marked as canceled..." }, 200)
})

function parseExpected(text: string | undefined): "pending" | "running" | null {
  if (text === undefined || text === "") return null
  if (text === "pending" || text === "running") return text
  throw badRequest(
    `Invalid expect_status ${JSON.stringify(text)}. Only 'pending' or 'running' are allowed.`,
  )
}

function refusal(attempt: CancelAttempt): ApiError {
  if (!attempt.may_update) return forbidden()
  if (!attempt.may_cancel) {
    return forbidden("User is not allowed to cancel workspace builds. Owner role is required.")
  }
  if (attempt.is_completed) return badRequest("Job has already completed!")
  if (attempt.is_canceled) return badRequest("Job has already been marked as canceled!")
  return new ApiError(412, "Job is not in the expected state.")
}
