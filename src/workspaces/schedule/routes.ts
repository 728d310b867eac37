// When a workspace runs, over HTTP.
//
// The refusals of each route are in the order that clients know.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../../audit/request.ts"
import { badRequest, conflict, tagDetail } from "../../platform/http/errors.ts"
import { requireBody } from "../../platform/http/body.ts"
import { parseTime } from "../../platform/http/instants.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  int64Schema,
  jsonBody,
  jsonRequest,
  messageSchema,
  wireTime,
  zeroTime,
} from "../../platform/http/wire.ts"
import { parseWeeklySchedule } from "../../schedule/cron.ts"
import { requireChanged, requireTarget } from "../change.ts"
import { publishWorkspaces } from "../../platform/durable/publish.ts"
import { workspaceParam } from "../read-routes.ts"
import { extendDeadline, extendLeadMs, setAutostart, setDormant, setTtl } from "./changes.ts"
import { workspaceById } from "../statements.ts"
import { checkTtl } from "./ttl.ts"
import { toWorkspaceView, workspaceSchema } from "../view.ts"
import { viewerOf } from "../viewer.ts"

const changed = { 204: { description: "Done." }, ...errors(400, 401, 403, 404, 409, 413, 429, 503) }

const autostartRoute = createRoute({
  method: "put",
  path: "/workspaces/{workspace}/autostart",
  tags: ["Workspaces"],
  summary: "Set or clear the autostart schedule",
  middleware: requireBody,
  request: {
    params: workspaceParam,
    body: jsonRequest(
      z
        .object({
          schedule: z
            .string()
            .max(1_024)
            .nullish()
            .openapi({ example: "CRON_TZ=Europe/Berlin 30 9 * * 1-5" }),
        })
        .openapi("UpdateWorkspaceAutostartRequest"),
    ),
  },
  responses: changed,
})

const ttlRoute = createRoute({
  method: "put",
  path: "/workspaces/{workspace}/ttl",
  tags: ["Workspaces"],
  summary: "Set or clear how long the workspace runs",
  description:
    "Cut to whole minutes. Null or 0: no autostop, and the running build keeps its ceiling alone.",
  middleware: requireBody,
  request: {
    params: workspaceParam,
    body: jsonRequest(
      z
        .object({ ttl_ms: int64Schema.nullish().openapi({ example: 28_800_000 }) })
        .openapi("UpdateWorkspaceTTLRequest"),
    ),
  },
  responses: changed,
})

const requiredInstant = z
  .string()
  .nullish()
  .transform((text, context) => {
    // Year 1 is how clients write "no instant".
    if (text === undefined || text === null || Date.parse(text) === Date.parse(zeroTime)) {
      const message = tagDetail("required", "0001-01-01 00:00:00 +0000 UTC")
      context.addIssue({ code: "custom", message })
      return z.NEVER
    }
    const at = parseTime(text)
    if (at === null) {
      throw badRequest("Request body must be valid JSON.", {
        detail: `field "deadline": ${JSON.stringify(text)} is no RFC 3339 time`,
      })
    }
    return at
  })
  .openapi({ type: "string", format: "date-time", example: "2024-01-01T22:00:00Z" })

const extendRoute = createRoute({
  method: "put",
  path: "/workspaces/{workspace}/extend",
  tags: ["Workspaces"],
  summary: "Move the running build's deadline",
  middleware: requireBody,
  request: {
    params: workspaceParam,
    body: jsonRequest(z.object({ deadline: requiredInstant }).openapi("PutExtendWorkspaceRequest")),
  },
  responses: {
    200: jsonBody(messageSchema, "The new deadline."),
    ...errors(400, 401, 403, 404, 409, 413, 429, 503),
  },
})

const dormantRoute = createRoute({
  method: "put",
  path: "/workspaces/{workspace}/dormant",
  tags: ["Workspaces"],
  summary: "Mark the workspace dormant, or wake it",
  middleware: requireBody,
  request: {
    params: workspaceParam,
    body: jsonRequest(
      z.object({ dormant: z.boolean().nullish() }).openapi("UpdateWorkspaceDormancy"),
    ),
  },
  responses: {
    200: jsonBody(workspaceSchema, "The workspace."),
    304: { description: "It is so already." },
    ...errors(400, 401, 403, 404, 409, 413, 429, 503),
  },
})

export const workspaceScheduleRoutes = createRouter()
  .openapi(autostartRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const schedule = c.req.valid("json").schedule || null
    const parsed = schedule === null ? null : parseWeeklySchedule(schedule)
    const isValid = parsed === null || parsed.ok
    const [row] = await c.get("caller").query(setAutostart(id, schedule, isValid, auditRequest(c)))
    const facts = requireTarget(row, {
      message: "Autostart is not supported for prebuilt workspaces",
      detail:
        "Prebuilt workspace scheduling is configured per preset at the template level. Workspace-level overrides are not supported.",
    })
    const invalid = (detail: string) =>
      badRequest("Invalid autostart schedule.", { validations: [{ field: "schedule", detail }] })
    if (parsed?.ok === false) throw invalid(parsed.error)
    if (!facts.allow_user_autostart) {
      const message = "Autostart is not allowed for workspaces using this template."
      throw badRequest(message, { validations: [{ field: "schedule", detail: message }] })
    }
    if (schedule !== null && facts.next_start_at === null) throw invalid("no allowed autostart")
    requireChanged(facts)
    return c.body(null, 204)
  })
  .openapi(ttlRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const { ttlMs, problem } = checkTtl(c.req.valid("json").ttl_ms ?? null)
    const [row] = await c.get("caller").query(setTtl(id, ttlMs, problem === null, auditRequest(c)))
    const facts = requireTarget(row, {
      message: "TTL updates are not supported for prebuilt workspaces",
      detail:
        "Prebuilt workspace TTL is configured per preset at the template level. Workspace-level overrides are not supported.",
    })
    const invalid = (detail: string) =>
      badRequest("Error updating workspace time until shutdown.", {
        validations: [{ field: "ttl_ms", detail }],
      })
    if (!facts.allow_user_autostop) {
      throw invalid("Custom autostop TTL is not allowed for workspaces using this template.")
    }
    if (problem !== null) throw invalid(problem)
    requireChanged(facts)
    return c.body(null, 204)
  })
  .openapi(extendRoute, async (c) => {
    const id = c.req.valid("param").workspace
    const { deadline } = c.req.valid("json")
    const [row] = await c.get("caller").query(extendDeadline(id, deadline, auditRequest(c)))
    const facts = requireTarget(row, {
      message: "Deadline extension is not supported for prebuilt workspaces",
      detail:
        "Prebuilt workspaces do not support user deadline modifications. Deadline extension is only applicable to regular workspaces",
    })
    const { transition, job_completed_at: completedAt, max_deadline: maxDeadline } = facts
    if (transition !== "start") {
      throw conflict(`Workspace must be started, current status: ${transition}`)
    }
    if (completedAt === null) throw conflict("Workspace is still building!")
    if (facts.deadline === null) throw conflict("Workspace shutdown is manual.")
    if (deadline.getTime() < c.get("now").getTime() + extendLeadMs) {
      throw badRequest(
        "Cannot extend workspace: new deadline must be at least 30 minutes in the future",
      )
    }
    if (deadline < completedAt) {
      throw badRequest("Cannot extend workspace: new deadline must be before workspace start time")
    }
    if (maxDeadline !== null && deadline > maxDeadline) {
      throw badRequest("Cannot extend workspace beyond max deadline.")
    }
    requireChanged({ ...facts, is_changed: facts.is_extended })
    c.executionCtx.waitUntil(publishWorkspaces(c.env, [id]))
    return c.json({ message: `Deadline updated to ${wireTime(deadline)}.` }, 200)
  })
  .openapi(dormantRoute, async (c) => {
    const now = c.get("now")
    const caller = c.get("caller")
    const id = c.req.valid("param").workspace
    const dormant = c.req.valid("json").dormant ?? false
    const [[row], [workspace]] = await caller.batch([
      setDormant(id, dormant, auditRequest(c)),
      workspaceById(id, now),
    ])
    const facts = requireTarget(row, {
      message: "Dormancy updates are not supported for prebuilt workspaces",
      detail:
        "Prebuilt workspaces are not subject to dormancy. Dormancy behavior is only applicable to regular workspaces",
    })
    if ((facts.dormant_at !== null) === dormant) return c.body(null, 304)
    requireChanged(facts)
    if (workspace === undefined) throw new Error("a workspace that was just changed cannot be read")
    c.executionCtx.waitUntil(publishWorkspaces(c.env, [id]))
    return c.json(toWorkspaceView(workspace, await viewerOf(c), now), 200)
  })
