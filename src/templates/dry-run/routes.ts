// Dry runs of a version, which `coder create` asks for before it makes a workspace.
import { createRoute, z } from "@hono/zod-openapi"
import { resourceSchema } from "../../agents/views/schemas.ts"
import { ApiError, badRequest, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  messageSchema,
  uuidSchema,
} from "../../platform/http/wire.ts"
import { jobLogSchema } from "../../queue/logs.ts"
import { logQuery, serveLogs } from "../../queue/serve-logs.ts"
import {
  jobSchema,
  matchedProvisionersSchema,
  toJobView,
  toMatchedProvisionersView,
} from "../../queue/view.ts"
import { createDryRun, dryRunById } from "./statements.ts"

const tags = ["Template versions"]
const base = "/templateversions/{id}/dry-run"
const jobParams = z.object({ id: uuidSchema, job: uuidSchema })

export const dryRunRoutes = createRouter()

const create = createRoute({
  method: "post",
  path: base,
  tags,
  summary: "Dry-run a version; it ends at once",
  request: {
    params: z.object({ id: uuidSchema }),
    body: jsonRequest(z.object({ workspace_name: z.string().max(256).nullish() })),
  },
  responses: { 201: jsonBody(jobSchema, "The job, succeeded."), ...errors(400, 401, 403, 404) },
})

dryRunRoutes.openapi(create, async (c) => {
  const { id } = c.req.valid("param")
  const jobId = crypto.randomUUID()
  const [[attempt], [run]] = await c.var.caller.batch([
    createDryRun(id, jobId, c.var.now),
    dryRunById(id, jobId, c.var.now),
  ])
  if (!attempt) throw notFound()
  if (!attempt.allowed) throw forbidden()
  if (!run) throw badRequest("Template version import job hasn't completed!")
  return c.json(toJobView(run.job), 201)
})

const get = createRoute({
  method: "get",
  path: `${base}/{job}`,
  tags,
  summary: "A dry run",
  request: { params: jobParams },
  responses: { 200: jsonBody(jobSchema, "The job."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(get, async (c) => {
  const { id, job } = c.req.valid("param")
  const [run] = await c.var.caller.query(dryRunById(id, job, c.var.now))
  if (!run) throw notFound()
  return c.json(toJobView(run.job), 200)
})

const matched = createRoute({
  method: "get",
  path: `${base}/{job}/matched-provisioners`,
  tags,
  summary: "The daemons that a dry run waits for; none",
  request: { params: jobParams },
  responses: { 200: jsonBody(matchedProvisionersSchema, "Zeros."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(matched, async (c) => {
  const { id, job } = c.req.valid("param")
  const [run] = await c.var.caller.query(dryRunById(id, job, c.var.now))
  if (!run) throw notFound()
  return c.json(toMatchedProvisionersView(null), 200)
})

const resources = createRoute({
  method: "get",
  path: `${base}/{job}/resources`,
  tags,
  summary: "What a dry run planned; nothing",
  request: { params: jobParams },
  responses: { 200: jsonBody(z.array(resourceSchema), "An empty list."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(resources, async (c) => {
  const { id, job } = c.req.valid("param")
  const [run] = await c.var.caller.query(dryRunById(id, job, c.var.now))
  if (!run) throw notFound()
  return c.json([], 200)
})

const logs = createRoute({
  method: "get",
  path: `${base}/{job}/logs`,
  tags,
  summary: "The log of a dry run, at once or followed over a WebSocket",
  request: { params: jobParams, query: logQuery },
  responses: {
    101: { description: "One text frame a line, until the job has ended." },
    200: jsonBody(z.array(jobLogSchema), "Its lines."),
    ...errors(400, 401, 404),
  },
})

dryRunRoutes.openapi(logs, async (c) => {
  const { id, job } = c.req.valid("param")
  return serveLogs(c, c.req.valid("query"), dryRunById(id, job, c.var.now))
})

const cancel = createRoute({
  method: "patch",
  path: `${base}/{job}/cancel`,
  tags,
  summary: "Cancel a dry run, which is always too late",
  request: { params: jobParams },
  responses: { 200: jsonBody(messageSchema, "Never."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(cancel, async (c): Promise<never> => {
  const { id, job } = c.req.valid("param")
  const [run] = await c.var.caller.query(dryRunById(id, job, c.var.now))
  if (!run) throw notFound()
  throw new ApiError(400, "Job has already completed!")
})
