// Dry runs of a version, for which `coder create` asks before it creates a workspace.
import { createRoute, z } from "@hono/zod-openapi"
import { resourceSchema } from "../../agents/views/schemas.ts"
import { toResourceViews } from "../../agents/views/view.ts"
import { badRequest, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  messageSchema,
  uuidSchema,
} from "../../platform/http/wire.ts"
import { jobLogSchema } from "../../queue/logs/read.ts"
import { logQuery, serveLogs } from "../../queue/logs/serve.ts"
import {
  jobSchema,
  matchedProvisionersSchema,
  toJobView,
  toMatchedProvisionersView,
} from "../../queue/view.ts"
import { notifyDaemons } from "../../queue/notify/daemons.ts"
import { cancelDryRun, createDryRun, dryRunById, dryRunResources } from "./statements.ts"

const tags = ["Template versions"]
const base = "/templateversions/{id}/dry-run"
const jobParams = z.object({ id: uuidSchema, job: uuidSchema })

export const dryRunRoutes = createRouter()

const dryRunRequest = z
  .object({
    workspace_name: z.string().max(256).nullish(),
    rich_parameter_values: z
      .array(z.object({ name: z.string().max(128), value: z.string().max(65_536) }))
      .max(1_000)
      .nullish(),
  })
  .openapi("CreateTemplateVersionDryRunRequest")

const create = createRoute({
  method: "post",
  path: base,
  tags,
  summary: "Dry-run a version",
  description:
    "Plans the resources for the given values. A version of scripts ends at once, since its manifest plans the same for all values.",
  request: { params: z.object({ id: uuidSchema }), body: jsonRequest(dryRunRequest) },
  responses: { 201: jsonBody(jobSchema, "The job."), ...errors(400, 401, 403, 404) },
})

dryRunRoutes.openapi(create, async (c) => {
  const { id } = c.req.valid("param")
  const jobId = crypto.randomUUID()
  const { workspace_name, rich_parameter_values } = c.req.valid("json")
  const input = { workspaceName: workspace_name ?? "", parameters: rich_parameter_values ?? [] }
  const [[attempt], [run]] = await c.var.caller.batch([
    createDryRun(id, jobId, input, c.var.now),
    dryRunById(id, jobId, c.var.now),
  ])
  if (!attempt) throw notFound()
  if (!attempt.allowed) throw forbidden()
  if (!run) throw badRequest("Template version import job hasn't completed!")
  if (attempt.is_queued) c.executionCtx.waitUntil(notifyDaemons(c.env, c.var, [attempt]))
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
  summary: "The daemons that may run a dry run",
  request: { params: jobParams },
  responses: { 200: jsonBody(matchedProvisionersSchema, "Their count."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(matched, async (c) => {
  const { id, job } = c.req.valid("param")
  const [run] = await c.var.caller.query(dryRunById(id, job, c.var.now))
  if (!run) throw notFound()
  return c.json(toMatchedProvisionersView(run.matched), 200)
})

const resources = createRoute({
  method: "get",
  path: `${base}/{job}/resources`,
  tags,
  summary: "The resources that a dry run planned",
  request: { params: jobParams },
  responses: { 200: jsonBody(z.array(resourceSchema), "The resources."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(resources, async (c) => {
  const { id, job } = c.req.valid("param")
  const [run] = await c.var.caller.query(dryRunResources(id, job, c.var.now))
  if (!run) throw notFound()
  if (!run.is_complete) throw badRequest("Template version dry-run job hasn't completed!")
  return c.json(toResourceViews(run.resources), 200)
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
    ...errors(400, 401, 404, 426),
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
  summary: "Cancel a dry run",
  request: { params: jobParams },
  responses: { 200: jsonBody(messageSchema, "It is canceled."), ...errors(400, 401, 404) },
})

dryRunRoutes.openapi(cancel, async (c) => {
  const { id, job } = c.req.valid("param")
  const [attempt] = await c.var.caller.query(cancelDryRun(id, job, c.var.now))
  if (!attempt) throw notFound()
  if (attempt.done) return c.json({ message: "Job has been marked as canceled." }, 200)
  throw badRequest(
    attempt.completed ? "Job has already completed!" : "Job has already been marked as canceled!",
  )
})
