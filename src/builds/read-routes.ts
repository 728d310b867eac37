// Routes that read builds.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { resourceSchema } from "../agents/views/schemas.ts"
import { toResourceViews } from "../agents/views/view.ts"
import { ApiError, badRequest, forbidden, notFound } from "../platform/http/errors.ts"
import { parseTime } from "../platform/http/instants.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, pageQuery, uuidSchema } from "../platform/http/wire.ts"
import { jobLogSchema } from "../queue/logs/read.ts"
import { logQuery, serveLogs } from "../queue/logs/serve.ts"
import { stateText } from "../templates/manifest/state-size.ts"
import {
  buildById,
  buildByNumber,
  buildJob,
  buildListGate,
  buildParameters,
  buildResources,
  buildState,
  listBuilds,
  replaceState,
} from "./statements.ts"
import { timingsOfBuild, timingsSchema, toTimingsView } from "./timings.ts"
import { buildSchema, toBuildView } from "./view.ts"

const tags = ["Builds"]
const int32Max = 2_147_483_647
const buildParam = z.object({ build: uuidSchema })
const path = (end = "") => `/workspacebuilds/{build}${end}`

export const buildReadRoutes = createRouter()

const get = createRoute({
  method: "get",
  path: path(),
  tags,
  summary: "A build",
  request: { params: buildParam },
  responses: { 200: jsonBody(buildSchema, "The build."), ...errors(400, 401, 404) },
})

buildReadRoutes.openapi(get, async (c) => {
  const [row] = await c.var.caller.query(buildById(c.req.valid("param").build, c.var.now))
  if (!row) throw notFound()
  return c.json(toBuildView(row.build), 200)
})

const since = z
  .string()
  .optional()
  .transform((text, context) => {
    if (text === undefined || text === "") return null
    const at = parseTime(text)
    if (at !== null) return at
    context.addIssue({
      code: "custom",
      message: `Query param "since" must be a valid RFC 3339 time: ${JSON.stringify(text)}`,
    })
    return z.NEVER
  })
  .openapi({ type: "string", format: "date-time" })

const list = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/builds",
  tags,
  summary: "The builds of a workspace, the newest first",
  request: {
    params: z.object({ workspace: uuidSchema }),
    query: pageQuery.extend({ after_id: uuidSchema.optional(), since }),
  },
  responses: { 200: jsonBody(z.array(buildSchema), "The builds."), ...errors(400, 401, 404) },
})

buildReadRoutes.openapi(list, async (c) => {
  const { workspace } = c.req.valid("param")
  const { limit, offset, after_id, since } = c.req.valid("query")
  const afterId = after_id ?? null
  const [[gate], rows] = await c.var.caller.batch([
    buildListGate(workspace, afterId),
    listBuilds(workspace, { limit, offset, afterId, since }, c.var.now),
  ])
  if (!gate) throw notFound()
  if (!gate.after_found)
    throw badRequest(`Record at "after_id" (${JSON.stringify(afterId)}) does not exist.`)
  return c.json(
    rows.map((row) => toBuildView(row.build)),
    200,
  )
})

const byNumber = createRoute({
  method: "get",
  path: "/users/{user}/workspace/{workspace}/builds/{number}",
  tags,
  summary: "A build by its number",
  request: { params: z.object({ user: z.string(), workspace: z.string(), number: z.string() }) },
  responses: { 200: jsonBody(buildSchema, "The build."), ...errors(400, 401, 404) },
})

buildReadRoutes.openapi(byNumber, async (c) => {
  const { user, workspace, number } = c.req.valid("param")
  if (!/^[+-]?\d{1,10}$/.test(number) || Math.abs(Number(number)) > int32Max) {
    throw badRequest("Failed to parse build number as integer.", {
      detail: `${JSON.stringify(number)} is not a 32-bit integer`,
    })
  }
  const [row] = await c.var.caller.query(buildByNumber(user, workspace, Number(number), c.var.now))
  if (!row) throw notFound()
  if (!row.build) {
    throw new ApiError(
      404,
      `Workspace ${JSON.stringify(row.workspace_name)} Build ${Number(number)} does not exist.`,
    )
  }
  return c.json(toBuildView(row.build), 200)
})

const parameters = createRoute({
  method: "get",
  path: path("/parameters"),
  tags,
  summary: "The parameter values of a build",
  request: { params: buildParam },
  responses: {
    200: jsonBody(z.array(z.object({ name: z.string(), value: z.string() })), "The values."),
    ...errors(400, 401, 404),
  },
})

buildReadRoutes.openapi(parameters, async (c) => {
  const [row] = await c.var.caller.query(buildParameters(c.req.valid("param").build))
  if (!row) throw notFound()
  return c.json(row.parameters, 200)
})

const resources = createRoute({
  method: "get",
  path: path("/resources"),
  tags,
  summary: "The resources of a build",
  request: { params: buildParam },
  responses: { 200: jsonBody(z.array(resourceSchema), "The resources."), ...errors(400, 401, 404) },
})

buildReadRoutes.openapi(resources, async (c) => {
  const [row] = await c.var.caller.query(buildResources(c.req.valid("param").build, c.var.now))
  if (!row) throw notFound()
  if (!row.completed) throw badRequest("Job hasn't completed!")
  return c.json(toResourceViews(row.resources), 200)
})

const state = createRoute({
  method: "get",
  path: path("/state"),
  tags,
  summary: "The provisioner's state after a build",
  request: { params: buildParam },
  responses: { 200: { description: "Its bytes." }, ...errors(400, 401, 404) },
})

buildReadRoutes.openapi(state, async (c) => {
  const [row] = await c.var.caller.query(buildState(c.req.valid("param").build))
  if (!row) throw notFound()
  return new Response(row.state, { headers: { "Content-Type": "application/json" } })
})

const putState = createRoute({
  method: "put",
  path: path("/state"),
  tags,
  summary: "Replace the provisioner's state",
  request: { params: buildParam, body: jsonRequest(z.object({ state: stateText })) },
  responses: { 204: { description: "Replaced." }, ...errors(400, 401, 403, 404) },
})

buildReadRoutes.openapi(putState, async (c) => {
  const bytes = new Uint8Array(Buffer.from(c.req.valid("json").state, "base64"))
  const [asked] = await c.var.caller.query(
    replaceState(c.req.valid("param").build, bytes, c.var.now),
  )
  if (!asked) throw notFound()
  if (!asked.allowed) throw forbidden()
  return c.body(null, 204)
})

const logs = createRoute({
  method: "get",
  path: path("/logs"),
  tags,
  summary: "The log of a build, at once or followed over a WebSocket",
  request: { params: buildParam, query: logQuery },
  responses: {
    101: { description: "One text frame a line, until the job has ended." },
    200: jsonBody(z.array(jobLogSchema), "The lines."),
    ...errors(400, 401, 404, 426),
  },
})

buildReadRoutes.openapi(logs, async (c) =>
  serveLogs(c, c.req.valid("query"), buildJob(c.req.valid("param").build)),
)

const timings = createRoute({
  method: "get",
  path: path("/timings"),
  tags,
  summary: "How long the parts of a build took",
  request: { params: buildParam },
  responses: { 200: jsonBody(timingsSchema, "The timings."), ...errors(400, 401, 404) },
})

buildReadRoutes.openapi(timings, async (c) => {
  const [row] = await c.var.caller.query(timingsOfBuild(sql`${c.req.valid("param").build}::uuid`))
  if (!row) throw notFound()
  return c.json(toTimingsView(row.timings), 200)
})
