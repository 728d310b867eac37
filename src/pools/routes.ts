// The pools over HTTP: pause, invalidate, and the state and figures of a template's pools.
import { createRoute, z } from "@hono/zod-openapi"
import { auditRequest } from "../audit/request.ts"
import { forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  timeSchema,
  uuidSchema,
  wireTime,
} from "../platform/http/wire.ts"
import { poolFiguresView, poolSchema } from "./view.ts"
import { readPoolFigures, readTemplate } from "./figures.ts"
import { readPools } from "./read-pools.ts"
import { invalidatePresets, readSettings, writeSettings } from "./settings-statements.ts"

const settingsSchema = z.object({ reconciliation_paused: z.boolean() }).openapi("PrebuildsSettings")
const templateParams = z.object({ template: uuidSchema })

const getSettings = createRoute({
  method: "get",
  path: "/prebuilds/settings",
  tags: ["Prebuilds"],
  summary: "Read whether the reconcile of pools is paused",
  responses: { 200: jsonBody(settingsSchema, "The settings."), ...errors(401) },
})

const putSettings = createRoute({
  method: "put",
  path: "/prebuilds/settings",
  tags: ["Prebuilds"],
  summary: "Pause or resume the reconcile of pools",
  request: { body: jsonRequest(settingsSchema) },
  responses: {
    200: jsonBody(settingsSchema, "The settings as they are now."),
    304: { description: "They were so already." },
    ...errors(400, 401, 403),
  },
})

const invalidate = createRoute({
  method: "post",
  path: "/templates/{template}/prebuilds/invalidate",
  tags: ["Prebuilds"],
  summary: "Replace every prebuild of the template's active version",
  request: { params: templateParams },
  responses: {
    200: jsonBody(
      z.object({
        invalidated: z.array(
          z.object({
            template_name: z.string(),
            template_version_name: z.string(),
            preset_name: z.string(),
          }),
        ),
      }),
      "The presets whose prebuilds will be replaced.",
    ),
    ...errors(400, 401, 403, 404),
  },
})

/** The longest period of figures. */
const daysMax = 90

const getPools = createRoute({
  method: "get",
  path: "/templates/{template}/prebuilds",
  tags: ["Prebuilds"],
  summary: "How the template's pools stand and have served",
  request: {
    params: templateParams,
    query: z.object({
      days: z.coerce
        .number()
        .int()
        .min(1)
        .max(daysMax)
        .default(30)
        .openapi({ description: "Period of the figures." }),
    }),
  },
  responses: {
    200: jsonBody(
      z.object({ since: timeSchema, pools: z.array(poolSchema) }),
      "A pool for each preset that has one.",
    ),
    ...errors(400, 401, 404),
  },
})

export const prebuildRoutes = createRouter()
  .openapi(getSettings, async (c) => {
    const [settings] = await c.get("caller").query(readSettings())
    return c.json({ reconciliation_paused: settings?.reconciliation_paused ?? false }, 200)
  })
  .openapi(putSettings, async (c) => {
    const { reconciliation_paused } = c.req.valid("json")
    const [written] = await c
      .get("caller")
      .query(writeSettings(reconciliation_paused, auditRequest(c)))
    if (!written?.allowed) throw forbidden()
    return written.changed ? c.json({ reconciliation_paused }, 200) : c.body(null, 304)
  })
  .openapi(invalidate, async (c) => {
    const [result] = await c
      .get("caller")
      .query(invalidatePresets(c.req.valid("param").template, auditRequest(c)))
    if (!result) throw notFound()
    if (!result.allowed) throw forbidden()
    const { template_name, template_version_name } = result
    const invalidated = result.presets.map((preset_name) => ({
      template_name,
      template_version_name,
      preset_name,
    }))
    return c.json({ invalidated }, 200)
  })
  .openapi(getPools, async (c) => {
    const now = c.get("now")
    const { template } = c.req.valid("param")
    const sinceAt = new Date(now.getTime() - c.req.valid("query").days * 86_400_000)
    const [readable, figures, rows] = await c
      .get("caller")
      .batch([
        readTemplate(template),
        readPoolFigures(template, sinceAt, now),
        readPools(now, { templateId: template }),
      ])
    if (readable.length === 0) throw notFound()
    return c.json({ since: wireTime(sinceAt), pools: poolFiguresView(rows, figures, now) }, 200)
  })
