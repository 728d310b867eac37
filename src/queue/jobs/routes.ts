// A daemon's routes for the job that it holds: updates, the end, and the job's archive.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { auditRequest } from "../../audit/request.ts"
import { followUp } from "../../builds/follow-up.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { ApiError, badRequest, conflict, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, uuidSchema } from "../../platform/http/wire.ts"
import {
  publishBuildChange,
  publishJobLogs,
  publishWorkspaces,
} from "../../platform/durable/publish.ts"
import { completeBuild } from "../complete/build.ts"
import { completeImport } from "../complete/import.ts"
import type { Holder } from "../complete/build-statement.ts"
import { completeDryRunJob } from "../complete/import-statement.ts"
import { openDaemonSession } from "../daemons/session.ts"
import { type EndedJob, failJob } from "./fail.ts"
import {
  completeRequest,
  failRequest,
  type JobType,
  updateRequest,
  updateResponse,
} from "./protocol.ts"
import { findResourceError, toResourceRows } from "../complete/resource-rows.ts"
import { findPlanError } from "../complete/plan-error.ts"
import { explainHolder, jobFile, updateJob } from "./update.ts"
import { withoutNul } from "../../platform/db/without-nul.ts"

const tags = ["Provisioner protocol"]
const jobParam = z.object({ daemon: uuidSchema, job: uuidSchema })
const path = (end: string) => `/provisionerdaemons/{daemon}/jobs/{job}/${end}`

export const jobRoutes = createRouter()
jobRoutes.use("/provisionerdaemons/:daemon/jobs/*", openDaemonSession)

const update = createRoute({
  method: "post",
  path: path("update"),
  tags,
  summary: "Renew the lease of a job, with its log",
  request: { params: jobParam, body: jsonRequest(updateRequest) },
  responses: {
    200: jsonBody(updateResponse, "Whether somebody asked to cancel it."),
    ...errors(400, 401, 403, 404, 409),
  },
})

jobRoutes.openapi(update, async (c) => {
  const holder = holderOf(c.req.valid("param"))
  const body = withoutNul(c.req.valid("json"))
  const [row] = await c.var.provisioner.query(
    updateJob({ ...holder, logs: body.logs ?? [], readme: body.readme ?? null, now: c.var.now }),
  )
  if (!row) throw await refusal(c, holder)
  if (body.logs !== undefined && body.logs.length > 0) {
    c.executionCtx.waitUntil(publishJobLogs(c.env, [holder.jobId]))
  }
  return c.json({ canceled: row.canceled }, 200)
})

const complete = createRoute({
  method: "post",
  path: path("complete"),
  tags,
  summary: "End a job with its result",
  request: { params: jobParam, body: jsonRequest(completeRequest) },
  responses: { 204: { description: "The job has ended." }, ...errors(400, 401, 403, 404, 409) },
})

jobRoutes.openapi(complete, async (c) => {
  const holder = holderOf(c.req.valid("param"))
  const body = c.req.valid("json")
  const error =
    body.type === "template_version_import"
      ? findPlanError(body.plan)
      : findResourceError(body.resources)
  if (error !== null) throw badRequest(error)
  const ended = await completeOf(c, holder, body)
  if (!ended) throw await refusal(c, holder, body.type)
  announceEnd(c, ended)
  return c.body(null, 204)
})

async function completeOf(
  c: Context<AppEnv>,
  holder: Holder,
  body: z.infer<typeof completeRequest>,
) {
  const request = auditRequest(c)
  const session = c.var.provisioner
  if (body.type === "template_version_import") return completeImport(session, holder, body, request)
  if (body.type === "workspace_build") {
    const { resources, timings, replacements } = body
    const report = { resources, state: fromBase64(body.state), timings, replacements }
    return completeBuild(session, holder, report, request, c.env.TOKEN_KEYS)
  }
  const rows = toResourceRows(body.resources, "start", () => ({ hash: null, encrypted: null }))
  const [ended] = await session.query(
    completeDryRunJob({ ...holder, rows, timings: body.timings, now: request.now }),
  )
  return ended ?? null
}

const fail = createRoute({
  method: "post",
  path: path("fail"),
  tags,
  summary: "End a job with an error",
  request: { params: jobParam, body: jsonRequest(failRequest) },
  responses: { 204: { description: "The job has ended." }, ...errors(400, 401, 403, 404, 409) },
})

jobRoutes.openapi(fail, async (c) => {
  const holder = holderOf(c.req.valid("param"))
  const body = withoutNul(c.req.valid("json"))
  const failure = {
    ...holder,
    error: body.error === "" ? "unknown error" : body.error,
    errorCode: body.error_code ?? null,
    isCanceled: body.canceled,
    state: fromBase64(body.state),
    timings: body.timings ?? [],
    engine: body.engine,
    variables: body.variables,
  }
  const [ended] = await c.var.provisioner.query(failJob(failure, auditRequest(c)))
  if (!ended) throw await refusal(c, holder)
  announceEnd(c, ended)
  return c.body(null, 204)
})

const file = createRoute({
  method: "get",
  path: path("file"),
  tags,
  summary: "The archive of a job",
  request: { params: jobParam },
  responses: { 200: { description: "Its bytes." }, ...errors(400, 401, 403, 404, 409) },
})

jobRoutes.openapi(file, async (c) => {
  const holder = holderOf(c.req.valid("param"))
  const [found] = await c.var.provisioner.query(jobFile(holder))
  if (!found) throw await refusal(c, holder)
  const object = await c.env.FILES.get(found.hash)
  if (object === null)
    throw new ApiError(404, "The archive of this job is missing from the file store.")
  return new Response(object.body, {
    headers: { "Content-Type": found.mimetype, "Content-Length": String(found.size_bytes) },
  })
})

/** Notifies watchers after the commit, and starts the build that is queued behind this one. */
function announceEnd(c: Context<AppEnv>, ended: EndedJob & { follows?: boolean }): void {
  c.executionCtx.waitUntil(publishJobLogs(c.env, [ended.id]))
  if (ended.workspace_id === null) return
  const { env } = c
  const request = auditRequest(c)
  const next =
    ended.follows && ended.build_id !== null
      ? followUp(env, c.var.db, request, ended.build_id)
      : Promise.resolve()
  c.executionCtx.waitUntil(
    Promise.all([
      publishWorkspaces(env, [ended.workspace_id]),
      publishBuildChange(env, ended.workspace_id),
      next,
    ]),
  )
}

const holderOf = ({ daemon, job }: { daemon: string; job: string }): Holder => ({
  daemonId: daemon,
  jobId: job,
})

/** Explains why the job could not be changed: it is unknown, another daemon's, or ended. */
async function refusal(c: Context<AppEnv>, holder: Holder, type?: JobType): Promise<ApiError> {
  const [job] = await c.var.provisioner.query(explainHolder(holder))
  if (!job) return notFound()
  if (!job.is_own) return forbidden("You don't own this job.")
  if (job.is_completed) return conflict("The job has already ended.")
  if (type !== undefined && type !== job.type)
    return badRequest(`The job is of type ${job.type}, not ${type}.`)
  return new ApiError(503, "The job is busy. Please try again in a moment.")
}

function fromBase64(text: string | null | undefined): Uint8Array | null {
  return text === null || text === undefined ? null : new Uint8Array(Buffer.from(text, "base64"))
}
