// Insights over HTTP: use of templates, people's activity and latency, people by status, daily
// users.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, timeSchema, uuidSchema, wireTime } from "../platform/http/wire.ts"
import { readDailyUsers } from "./daily-users.ts"
import { checkScope, readOffset, readWindowQuery, throwInvalidQuery, windowQuery } from "./query.ts"
import {
  readIntervals,
  readParameterUsage,
  readPeople,
  readStatusCounts,
  readUsageReport,
} from "./report-statements.ts"
import {
  activityView,
  intervalViews,
  latencyView,
  reportView,
  templateInsightsSchema,
  userActivitySchema,
  userLatencySchema,
} from "./report-view.ts"
import { isWithinScope, readPeopleReach, readReach, readScope, readTemplate } from "./scope.ts"
import { lastMidnights, zoneOffsetMs } from "./midnights.ts"
import { type Interval, splitWindow } from "./window.ts"

const tags = ["Insights"]
const refusals = errors(400, 401, 403, 404)

const templateInsights = createRoute({
  method: "get",
  path: "/insights/templates",
  tags,
  summary: "How templates were used in a window",
  request: {
    query: windowQuery.extend({
      interval: z.string().max(8).optional(),
      sections: z.string().max(64).optional(),
    }),
  },
  responses: {
    200: jsonBody(templateInsightsSchema, "The sections that were asked for."),
    ...refusals,
  },
})

const userActivity = createRoute({
  method: "get",
  path: "/insights/user-activity",
  tags,
  summary: "How long each person used workspaces in a window",
  request: { query: windowQuery },
  responses: { 200: jsonBody(userActivitySchema, "People by name."), ...refusals },
})

const userLatency = createRoute({
  method: "get",
  path: "/insights/user-latency",
  tags,
  summary: "The latency of each person's connections in a window",
  request: { query: windowQuery },
  responses: { 200: jsonBody(userLatencySchema, "People by name."), ...refusals },
})

const userStatusCounts = createRoute({
  method: "get",
  path: "/insights/user-status-counts",
  tags,
  summary: "How many people had each status on each of the last days",
  request: {
    query: z.object({
      timezone: z.string().max(64).optional(),
      tz_offset: z.string().max(8).optional(),
    }),
  },
  responses: {
    200: jsonBody(
      z.object({
        status_counts: z.record(
          z.string(),
          z.array(z.object({ date: timeSchema, count: z.int() })),
        ),
      }),
      "Counts by status, oldest day first.",
    ),
    ...refusals,
  },
})

const dausSchema = z
  .object({
    entries: z.array(z.object({ date: z.string(), amount: z.int() })),
    tz_hour_offset: z.int(),
  })
  .openapi("DailyActiveUsers")
const dausQuery = z.object({
  tz_offset: z.string().max(8).optional().openapi({ description: "Whole hours, east positive." }),
})

const deploymentDaus = createRoute({
  method: "get",
  path: "/insights/daus",
  tags,
  summary: "Daily active users of the deployment",
  request: { query: dausQuery },
  responses: { 200: jsonBody(dausSchema, "61 days, today last."), ...refusals },
})

const templateDaus = createRoute({
  method: "get",
  path: "/templates/{template}/daus",
  tags,
  summary: "Daily active users of a template",
  request: { params: z.object({ template: uuidSchema }), query: dausQuery },
  responses: { 200: jsonBody(dausSchema, "61 days, today last."), ...refusals },
})

export const insightsRoutes = createRouter()
  .openapi(templateInsights, async (c) => {
    const query = c.req.valid("query")
    const scope = readWindowQuery(query, c.get("now"))
    const sections = readSections(query.sections)
    const interval = readInterval(query.interval)
    const intervals = interval === null ? [] : splitWindow(scope.window, interval)
    if (!Array.isArray(intervals)) return throwInvalidQuery(intervals)
    const [named, [reach], [usage], parameters, rows] = await c
      .get("caller")
      .batch([
        readScope(scope.templateIds),
        readReach(),
        readUsageReport(scope),
        readParameterUsage(scope),
        readIntervals(scope, sections.includes("interval_reports") ? intervals : []),
      ])
    checkScope(scope.templateIds, named)
    if (!reach?.allowed || usage === undefined) throw forbidden()
    return c.json(
      {
        ...(sections.includes("report") ? { report: reportView(scope, usage, parameters) } : {}),
        ...(interval !== null && sections.includes("interval_reports")
          ? { interval_reports: intervalViews(intervals, interval, rows) }
          : {}),
      },
      200,
    )
  })
  .openapi(userActivity, async (c) => {
    const scope = readWindowQuery(c.req.valid("query"), c.get("now"))
    const [named, [reach], people] = await c
      .get("caller")
      .batch([readScope(scope.templateIds), readReach(), readPeople(scope)])
    checkScope(scope.templateIds, named)
    if (!reach?.allowed) throw forbidden()
    return c.json(activityView(scope, people), 200)
  })
  .openapi(userLatency, async (c) => {
    const scope = readWindowQuery(c.req.valid("query"), c.get("now"))
    const [named, [reach], people] = await c
      .get("caller")
      .batch([readScope(scope.templateIds), readReach(), readPeople(scope)])
    checkScope(scope.templateIds, named)
    if (!reach?.allowed) throw forbidden()
    return c.json(latencyView(scope, people), 200)
  })
  .openapi(userStatusCounts, async (c) => {
    const { timezone, tz_offset } = c.req.valid("query")
    const now = c.get("now")
    const instants = [...lastMidnights(now, readZone(timezone, tz_offset, now)), now]
    const [[reach], rows] = await c
      .get("caller")
      .batch([readPeopleReach(), readStatusCounts(instants)])
    if (!reach?.allowed) throw forbidden()
    const status_counts: Record<string, { date: string; count: number }[]> = {}
    for (const { position, status, count } of rows) {
      const at = instants[position]
      if (at) (status_counts[status] ??= []).push({ date: wireTime(at), count })
    }
    return c.json({ status_counts }, 200)
  })
  .openapi(deploymentDaus, async (c) => {
    const offset = readOffset(c.req.valid("query").tz_offset)
    const [[reach], entries] = await c
      .get("caller")
      .batch([
        readReach(),
        readDailyUsers(isWithinScope(sql`u.template_id`, []), offset, c.get("now")),
      ])
    if (!reach?.allowed) throw forbidden()
    return c.json({ entries, tz_hour_offset: offset }, 200)
  })
  .openapi(templateDaus, async (c) => {
    const { template } = c.req.valid("param")
    const offset = readOffset(c.req.valid("query").tz_offset)
    const within = sql`u.template_id = ${template}::uuid`
    const [readable, entries] = await c
      .get("caller")
      .batch([readTemplate(template), readDailyUsers(within, offset, c.get("now"))])
    if (readable.length === 0) throw notFound()
    return c.json({ entries, tz_hour_offset: offset }, 200)
  })

function readInterval(text: string | undefined): Interval | null {
  if (text === undefined || text === "") return null
  if (text === "day" || text === "week") return text
  return throwInvalidQuery({
    field: "interval",
    detail: 'Query param "interval" must be "day", "week" or empty.',
  })
}

const sectionNames = ["interval_reports", "report"]

function readSections(text: string | undefined): string[] {
  if (text === undefined || text === "") return sectionNames
  const sections = text.split(",").map((section) => section.trim())
  if (sections.every((section) => sectionNames.includes(section))) return sections
  return throwInvalidQuery({
    field: "sections",
    detail: `Query param "sections" may hold ${sectionNames.join(" and ")}.`,
  })
}

/**
 * Returns how far the caller's zone is ahead of UTC at an instant: a named zone, or a fixed offset.
 */
function readZone(
  timezone: string | undefined,
  offset: string | undefined,
  now: Date,
): (at: Date) => number {
  if (timezone === undefined || timezone === "") {
    const offsetMs = readOffset(offset) * 3_600_000
    return () => offsetMs
  }
  try {
    zoneOffsetMs(timezone, now)
  } catch {
    return throwInvalidQuery({
      field: "timezone",
      detail: 'Query param "timezone" must be the name of a time zone.',
    })
  }
  return (at) => zoneOffsetMs(timezone, at)
}
