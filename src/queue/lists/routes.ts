// The daemons and the jobs of an organization, for people.
import { createRoute, z } from "@hono/zod-openapi"
import { notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, nilUuid, uuidSchema } from "../../platform/http/wire.ts"
import { jobSchema, type JobView, toJobView } from "../view.ts"
import { keySchema, toKeyView } from "../daemons/key-routes.ts"
import { listKeys } from "../daemons/key-statements.ts"
import { daemonSchema, toDaemonView } from "../daemons/view.ts"
import { parseQuery, parsers } from "./query.ts"
import { type ListedJobRow, listDaemons, listJobs, organizationGate } from "./statements.ts"

const tags = ["Provisioners"]
const organizationParam = z.object({ organization: z.string() })
const text = z.string().optional()

const daemonStatuses = ["offline", "idle", "busy"]
const jobStatuses = [
  "pending",
  "running",
  "succeeded",
  "canceling",
  "canceled",
  "failed",
  "unknown",
]

export const listRoutes = createRouter()

const daemons = createRoute({
  method: "get",
  path: "/organizations/{organization}/provisionerdaemons",
  tags,
  summary: "The daemons of an organization, those alive unless others are asked for",
  request: {
    params: organizationParam,
    query: z.looseObject({
      limit: text,
      ids: text,
      tags: text,
      offline: text,
      status: text,
      max_age: text,
    }),
  },
  responses: {
    200: jsonBody(z.array(daemonSchema), "The daemons, the last made first."),
    ...errors(400, 401, 404),
  },
})

listRoutes.openapi(daemons, async (c) => {
  const { organization } = c.req.valid("param")
  const { max_age, ...filter } = parseQuery(c.req.query(), {
    limit: parsers.limit,
    ids: parsers.ids,
    tags: parsers.tags,
    offline: parsers.boolean,
    status: parsers.words(daemonStatuses),
    max_age: parsers.durationMs,
  })
  const asked = { ...filter, ...(max_age !== undefined && { maxAgeMs: max_age }) }
  const [[gate], rows] = await c.var.caller.batch([
    organizationGate(organization, "provisioner_daemon"),
    listDaemons(organization, asked, c.var.now),
  ])
  if (!gate) throw notFound()
  return c.json(rows.map(toDaemonView), 200)
})

const daemonsByKey = createRoute({
  method: "get",
  path: "/organizations/{organization}/provisionerkeys/daemons",
  tags,
  summary: "The keys of an organization with the live daemons of each",
  request: { params: organizationParam },
  responses: {
    200: jsonBody(
      z.array(
        z
          .object({ key: keySchema, daemons: z.array(daemonSchema) })
          .openapi("ProvisionerKeyDaemons"),
      ),
      "The keys, by name.",
    ),
    ...errors(401, 404),
  },
})

listRoutes.openapi(daemonsByKey, async (c) => {
  const { organization } = c.req.valid("param")
  const [[found], rows] = await c.var.caller.batch([
    listKeys(organization),
    listDaemons(organization, { limit: 0 }, c.var.now),
  ])
  if (!found) throw notFound()
  const byKey = Map.groupBy(rows, (row) => row.key_id)
  return c.json(
    found.keys.map((key) => ({
      key: toKeyView(key),
      daemons: (byKey.get(key.id) ?? []).map(toDaemonView),
    })),
    200,
  )
})

const jobs = createRoute({
  method: "get",
  path: "/organizations/{organization}/provisionerjobs",
  tags,
  summary: "The jobs of an organization, the newest first",
  request: {
    params: organizationParam,
    query: z.looseObject({ limit: text, ids: text, tags: text, status: text, initiator: text }),
  },
  responses: { 200: jsonBody(z.array(jobSchema), "The jobs."), ...errors(400, 401, 404) },
})

listRoutes.openapi(jobs, async (c) => {
  const { organization } = c.req.valid("param")
  const filter = parseQuery(c.req.query(), {
    limit: parsers.limit,
    ids: parsers.ids,
    tags: parsers.tags,
    status: parsers.words(jobStatuses),
    initiator: parsers.uuid,
  })
  const [[gate], rows] = await c.var.caller.batch([
    organizationGate(organization, "provisioner_jobs"),
    listJobs(organization, filter, c.var.now),
  ])
  if (!gate) throw notFound()
  return c.json(rows.map(toListedJob), 200)
})

const job = createRoute({
  method: "get",
  path: "/organizations/{organization}/provisionerjobs/{job}",
  tags,
  summary: "A job",
  request: { params: organizationParam.extend({ job: uuidSchema }) },
  responses: { 200: jsonBody(jobSchema, "The job."), ...errors(400, 401, 404) },
})

listRoutes.openapi(job, async (c) => {
  const { organization, job } = c.req.valid("param")
  const [row] = await c.var.caller.query(listJobs(organization, { ids: [job] }, c.var.now))
  if (!row) throw notFound()
  return c.json(toListedJob(row), 200)
})

function toListedJob(row: ListedJobRow): JobView {
  return {
    ...toJobView(row.job),
    ...(row.worker_name !== null && { worker_name: row.worker_name }),
    ...(row.available_workers && { available_workers: row.available_workers }),
    metadata: {
      template_version_name: row.template_version_name ?? "",
      template_id: row.template_id ?? nilUuid,
      template_name: row.template_name ?? "",
      template_display_name: row.template_display_name ?? "",
      template_icon: row.template_icon ?? "",
      ...(row.workspace_id !== null && { workspace_id: row.workspace_id }),
      ...(row.workspace_name !== null && { workspace_name: row.workspace_name }),
      ...(row.transition !== null && { workspace_build_transition: row.transition }),
    },
  }
}
