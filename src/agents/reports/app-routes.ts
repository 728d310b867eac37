// An agent's reports about its apps and scripts.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { createRoute } from "@hono/zod-openapi"
import { ApiError, badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonRequest } from "../../platform/http/wire.ts"
import { touchAgent } from "../actor.ts"
import {
  appHealthRequest,
  appHealths,
  appStatusRequest,
  reportedAt,
  scriptCompletedRequest,
  type AppHealth,
} from "./requests.ts"
import { agentErrors, agentRoute, written } from "../own-side.ts"
import { recordAppHealth, recordAppStatus, recordScriptTiming } from "./statements.ts"
import { notifyAgentChanged } from "../own-side.ts"

export const appReportRoutes = createRouter()

appReportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/app-health", "Report the health of apps"),
    request: { body: jsonRequest(appHealthRequest) },
    responses: { 200: written, ...agentErrors, ...errors(404) },
  }),
  async (c) => {
    const { healths } = c.req.valid("json")
    const ids = Object.keys(healths)
    if (ids.length === 0) throw badRequest("Health field is empty")
    const invalid = ids.find((id) => !(appHealths as readonly string[]).includes(healths[id] ?? ""))
    if (invalid !== undefined)
      throw badRequest(`Invalid workspace app health ${JSON.stringify(healths[invalid])}.`)
    const [, [row]] = await c
      .get("agent")
      .batch([touchAgent(c.get("now")), recordAppHealth(healths as Record<string, AppHealth>)])
    if (row?.known !== ids.length) throw notFound()
    notifyAgentChanged(c, (await c.get("agent").actor()).workspace_id)
    return c.json(null, 200)
  },
)

const statusLengthMax = 160

appReportRoutes.openapi(
  createRoute({
    ...agentRoute("patch", "/app-status", "Report what an app is doing"),
    request: { body: jsonRequest(appStatusRequest) },
    responses: { 200: written, ...agentErrors, ...errors(404) },
  }),
  async (c) => {
    const { app_slug, state, message, uri } = c.req.valid("json")
    if (message.length > statusLengthMax) {
      throw badRequest("Message is too long.", {
        detail: `Message must be less than ${statusLengthMax} characters.`,
        validations: [
          { field: "message", detail: `Message must be less than ${statusLengthMax} characters.` },
        ],
      })
    }
    const now = c.get("now")
    const report = { slug: app_slug, state, message: withoutNul(message), uri: withoutNul(uri) }
    const [, [row]] = await c.get("agent").batch([touchAgent(now), recordAppStatus(report, now)])
    if (row === undefined) {
      throw new ApiError(404, "Failed to get workspace app.", {
        detail: `No app found with slug ${JSON.stringify(app_slug)}`,
      })
    }
    notifyAgentChanged(c, (await c.get("agent").actor()).workspace_id)
    return c.json(null, 200)
  },
)

appReportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/script-completed", "Report how a script ended"),
    request: { body: jsonRequest(scriptCompletedRequest) },
    responses: { 204: { description: "Written." }, ...agentErrors, ...errors(404) },
  }),
  async (c) => {
    const { script_id, started_at, ended_at, exit_code, stage, status } = c.req.valid("json")
    const now = c.get("now")
    const timing = {
      scriptId: script_id,
      startedAt: reportedAt(started_at, now),
      endedAt: reportedAt(ended_at, now),
      exitCode: exit_code,
      stage,
      status,
    }
    const [, [row]] = await c.get("agent").batch([touchAgent(now), recordScriptTiming(timing)])
    if (row === undefined) throw notFound()
    return c.body(null, 204)
  },
)
