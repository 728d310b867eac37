// The health of the deployment, and which checks an owner has dismissed.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../../audit/request.ts"
import { readSetting, writeSetting } from "../../audit/setting.ts"
import { flag } from "../../platform/http/flag.ts"
import { forbidden } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, timeSchema } from "../../platform/http/wire.ts"
import { daemonSchema } from "../../queue/daemons/view.ts"
import { mayReadConfig } from "../config.ts"
import { databaseLatencyMs } from "./database.ts"
import { checkNames, healthReport } from "./report.ts"
import { aliveDaemons, healthFacts } from "./statement.ts"

const tags = ["Deployment"]
const key = "health_settings"

const severity = z.enum(["ok", "warning", "error"])
const warning = z.object({ code: z.string(), message: z.string() })
const section = z.object({
  severity,
  healthy: z.boolean(),
  warnings: z.array(warning),
  error: z.string().nullable(),
  dismissed: z.boolean(),
})

const reportSchema = z
  .object({
    time: timeSchema,
    healthy: z.boolean(),
    severity,
    coder_version: z.string(),
    access_url: section.extend({
      access_url: z.string(),
      reachable: z.boolean(),
      status_code: z.int(),
      healthz_response: z.string(),
    }),
    database: section.extend({
      reachable: z.boolean(),
      latency: z.string(),
      latency_ms: z.int(),
      threshold_ms: z.int(),
    }),
    websocket: section.extend({ body: z.string(), code: z.int() }),
    derp: section.extend({
      regions: z.record(z.string(), z.unknown()),
      netcheck_logs: z.array(z.string()),
    }),
    workspace_proxy: section.extend({
      workspace_proxies: z.object({ regions: z.array(z.string()) }),
    }),
    provisioner_daemons: section.extend({
      items: z.array(z.object({ provisioner_daemon: daemonSchema, warnings: z.array(warning) })),
    }),
    lifecycle: section.extend({ last_tick_at: timeSchema.nullable(), lag_ms: z.int() }),
    usage: section.extend({ unflushed_shards: z.array(z.int()) }),
  })
  .openapi("HealthcheckReport")

const settingsSchema = z
  .object({ dismissed_healthchecks: z.array(z.enum(checkNames)).max(checkNames.length) })
  .openapi("HealthSettings")
type Settings = z.infer<typeof settingsSchema>
const missing: Settings = { dismissed_healthchecks: [] }

const reportRoute = createRoute({
  method: "get",
  path: "/debug/health",
  tags,
  summary: "Report the health of the deployment",
  description: "200 whatever the verdict. The report is made anew for each request.",
  request: {
    query: z.object({ force: flag("force", "Accepted, and without effect.") }),
  },
  responses: {
    200: jsonBody(reportSchema, "A section per part of the deployment."),
    ...errors(400, 401, 403, 429, 503),
  },
})

const getSettingsRoute = createRoute({
  method: "get",
  path: "/debug/health/settings",
  tags,
  summary: "List the checks that are dismissed",
  responses: { 200: jsonBody(settingsSchema, "Their names."), ...errors(401, 403, 429, 503) },
})

const putSettingsRoute = createRoute({
  method: "put",
  path: "/debug/health/settings",
  tags,
  summary: "Dismiss checks, so that they do not count",
  request: { body: jsonRequest(settingsSchema) },
  responses: {
    200: jsonBody(settingsSchema, "The settings as they are now."),
    204: { description: "They were so already." },
    ...errors(400, 401, 403, 429, 503),
  },
})

export const healthRoutes = createRouter()
  .openapi(reportRoute, async (c) => {
    const now = c.get("now")
    const [[row], daemons] = await c.get("caller").batch([healthFacts, aliveDaemons(now)])
    if (!row?.allowed) throw forbidden()
    const latencyMs = await databaseLatencyMs(c.get("db"))
    const accessUrl = c.env.ACCESS_URL
    return c.json(healthReport({ row, daemons, latencyMs, accessUrl, now }), 200)
  })
  .openapi(getSettingsRoute, async (c) => {
    const [[may], [row]] = await c.get("caller").batch([mayReadConfig, readSetting(key)])
    if (!may?.allowed) throw forbidden()
    return c.json((row?.value as Settings | undefined) ?? missing, 200)
  })
  .openapi(putSettingsRoute, async (c) => {
    const value = {
      dismissed_healthchecks: [...new Set(c.req.valid("json").dismissed_healthchecks)],
    }
    const [written] = await c
      .get("caller")
      .query(writeSetting(key, { value, missing }, auditRequest(c)))
    if (!written?.allowed) throw forbidden()
    return written.changed ? c.json(value, 200) : c.body(null, 204)
  })
