// Running hours over HTTP, of a workspace, a person or a template, as JSON or as a table.
import { createRoute, z } from "@hono/zod-openapi"
import { badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import {
  errors,
  timeSchema,
  uuidSchema,
  wireTime,
  wireTimeOrNull,
} from "../../platform/http/wire.ts"
import { throwInvalidQuery, readWindowQuery, windowQuery } from "../query.ts"
import { roundHours, type RunningDay, runningTimeCsv, splitByDay } from "./running-time.ts"
import {
  intervalCountMax,
  readRunningIntervals,
  readSubject,
  type RunningSubject,
} from "./statement.ts"
import { splitWindow } from "../window.ts"

const subjectId = uuidSchema.optional()

const runningTime = createRoute({
  method: "get",
  path: "/insights/running-time",
  tags: ["Insights"],
  summary: "How long workspaces ran each day, and what ended each run",
  description:
    "Exactly one of workspace_id, user_id and template_id. Days are those of the start time's zone.",
  request: {
    query: windowQuery.omit({ template_ids: true }).extend({
      workspace_id: subjectId,
      user_id: subjectId,
      template_id: subjectId,
      format: z.enum(["json", "csv"]).default("json"),
    }),
  },
  responses: {
    200: {
      description: "Hours by day, and the runs.",
      content: {
        "application/json": {
          schema: z
            .object({
              total_hours: z.number(),
              days: z.array(z.object({ date: z.string(), hours: z.number() })),
              intervals: z.array(
                z.object({
                  workspace_id: uuidSchema,
                  workspace_name: z.string(),
                  user_id: uuidSchema,
                  username: z.string(),
                  template_id: uuidSchema,
                  template_name: z.string(),
                  started_at: timeSchema,
                  ended_at: timeSchema.nullable(),
                  ended_by: z.string().nullable(),
                  ended_reason: z.string().nullable(),
                }),
              ),
            })
            .openapi("RunningTime"),
        },
        "text/csv": { schema: z.string() },
      },
    },
    ...errors(400, 401, 404),
  },
})

export const runningTimeRoutes = createRouter().openapi(runningTime, async (c) => {
  const query = c.req.valid("query")
  const now = c.get("now")
  const { window } = readWindowQuery(query, now)
  const subject = readSubjectQuery(query)
  const days = splitWindow(window, "day")
  if (!Array.isArray(days)) return throwInvalidQuery(days)
  const [readable, intervals] = await c
    .get("caller")
    .batch([readSubject(subject), readRunningIntervals(subject, window)])
  if (readable.length === 0) throw notFound()
  if (intervals.length > intervalCountMax) {
    throw badRequest("Too many runs for one answer.", {
      detail: `There are more than ${intervalCountMax}; ask for a shorter window.`,
    })
  }
  const rows = splitByDay(intervals, days, (query.start_time ?? "").slice(0, 10), now)
  if (query.format === "csv") {
    return c.body(runningTimeCsv(rows), 200, {
      "Content-Type": "text/csv; charset=utf-8",
      "Content-Disposition": 'attachment; filename="running-time.csv"',
    })
  }
  return c.json(
    {
      total_hours: roundHours(sumHours(rows)),
      days: [...Map.groupBy(rows, ({ date }) => date)].map(([date, ofDay]) => ({
        date,
        hours: roundHours(sumHours(ofDay)),
      })),
      intervals: intervals.map(({ started_at, ended_at, ...run }) =>
        Object.assign(run, {
          started_at: wireTime(started_at),
          ended_at: wireTimeOrNull(ended_at),
        }),
      ),
    },
    200,
  )
})

const sumHours = (rows: readonly RunningDay[]) => rows.reduce((sum, { hours }) => sum + hours, 0)

function readSubjectQuery(query: {
  workspace_id?: string | undefined
  user_id?: string | undefined
  template_id?: string | undefined
}) {
  const given: RunningSubject[] = []
  if (query.workspace_id !== undefined) given.push({ kind: "workspace", id: query.workspace_id })
  if (query.user_id !== undefined) given.push({ kind: "user", id: query.user_id })
  if (query.template_id !== undefined) given.push({ kind: "template", id: query.template_id })
  const [subject] = given
  if (subject === undefined || given.length > 1) {
    return throwInvalidQuery({
      field: "workspace_id",
      detail: "Give exactly one of workspace_id, user_id and template_id.",
    })
  }
  return subject
}
