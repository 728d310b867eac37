// Settings of a user: quiet hours, and the parameter values to offer again.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { userIdOf } from "../../access/lookup.ts"
import { may } from "../../access/may.ts"
import { auditRequest } from "../../audit/request.ts"
import { statement } from "../../platform/db/client.ts"
import { badRequest, conflict, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { tagError } from "../../platform/http/tag-error.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  timeSchema,
  uuidSchema,
  wireTime,
} from "../../platform/http/wire.ts"
import {
  nextQuietTime,
  quietHoursOf,
  quietHoursToStore,
  quietTimeText,
} from "../../schedule/quiet-hours.ts"
import { userParam } from "./read-routes.ts"
import { updateQuietHours } from "./statements.ts"
import { mayUser, requireAllowed, requireUserTarget, userTarget } from "./target.ts"

const quietHoursSchema = z
  .object({
    raw_schedule: z.string().openapi({ example: "CRON_TZ=Europe/Berlin 0 2 * * *" }),
    user_set: z.boolean(),
    user_can_set: z.boolean(),
    time: z.string().openapi({ example: "02:00" }),
    timezone: z.string(),
    next: timeSchema,
  })
  .openapi("UserQuietHoursScheduleResponse")

const readQuietHoursRoute = createRoute({
  method: "get",
  path: "/users/{user}/quiet-hours",
  tags: ["Users"],
  summary: "Read when a user's workspaces may be stopped",
  request: { params: userParam },
  responses: {
    200: jsonBody(quietHoursSchema, "The quiet hours."),
    ...errors(401, 403, 404, 429, 503),
  },
})

const updateQuietHoursRoute = createRoute({
  method: "put",
  path: "/users/{user}/quiet-hours",
  tags: ["Users"],
  summary: "Set when a user's workspaces may be stopped",
  description: "A blank schedule restores the deployment's default.",
  request: {
    params: userParam,
    body: jsonRequest(
      z
        .object({
          schedule: z
            .string()
            .min(1, { error: tagError("required") })
            .max(256, { error: tagError("max") }),
        })
        .openapi("UpdateUserQuietHoursScheduleRequest"),
    ),
  },
  responses: {
    200: jsonBody(quietHoursSchema, "The quiet hours."),
    ...errors(400, 401, 403, 404, 409, 429, 503),
  },
})

const autofillRoute = createRoute({
  method: "get",
  path: "/users/{user}/autofill-parameters",
  tags: ["Users"],
  summary: "List the parameter values that a user chose last for a template",
  request: { params: userParam, query: z.object({ template_id: uuidSchema }) },
  responses: {
    200: jsonBody(
      z.array(z.object({ name: z.string(), value: z.string() })),
      "One value for each parameter.",
    ),
    ...errors(400, 401, 403, 404, 429, 503),
  },
})

const readQuietHours = (user: string) =>
  statement<{ text: string }>(
    "users.quiet-hours",
    sql`select u.quiet_hours_schedule as text from users u where u.id = ${userIdOf(user)}
      and ${mayUser("read_personal")}`,
  )

const mayReadWorkspace = may("read", "workspace", {
  id: sql`w.id`,
  owner: sql`w.owner_id`,
  organization: sql`w.organization_id`,
})

/**
 * The newest value of each parameter in the user's workspaces of the template. An ephemeral one is
 * used once.
 */
const autofill = (user: string, templateId: string) =>
  statement<{ name: string; value: string }>(
    "users.autofill",
    sql`select distinct on (p.name) p.name, p.value
      from workspaces w
      join templates t on t.id = w.template_id
      join workspace_builds b on b.workspace_id = w.id
      join workspace_build_parameters p on p.workspace_build_id = b.id
      left join template_version_parameters d
        on d.template_version_id = b.template_version_id and d.name = p.name
      where w.owner_id = ${userIdOf(user)} and w.template_id = ${templateId}::uuid
        and not coalesce(d.ephemeral, false) and ${mayReadWorkspace}
      order by p.name, b.created_at desc`,
  )

function quietHoursView(text: string, now: Date): z.input<typeof quietHoursSchema> {
  const found = quietHoursOf(text)
  if (!found.ok) throw new Error(`stored quiet hours do not parse: ${found.error}`)
  const { quietHours, isUserSet } = found
  return {
    raw_schedule: quietHours.text,
    user_set: isUserSet,
    user_can_set: true,
    time: quietTimeText(quietHours),
    timezone: quietHours.zone,
    next: wireTime(nextQuietTime(quietHours, now)),
  }
}

export const userSettingRoutes = createRouter()
  .openapi(readQuietHoursRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, [row]] = await c
      .get("caller")
      .batch([userTarget(user, "read_personal"), readQuietHours(user)])
    requireAllowed(requireUserTarget(targets))
    if (row === undefined) throw notFound()
    return c.json(quietHoursView(row.text, c.get("now")), 200)
  })
  .openapi(updateQuietHoursRoute, async (c) => {
    const { user } = c.req.valid("param")
    const schedule = quietHoursToStore(c.req.valid("json").schedule)
    if (!schedule.ok) throw badRequest("Failed to parse the schedule.", { detail: schedule.error })
    const [targets, changed] = await c
      .get("caller")
      .batch([
        userTarget(user, "update_personal"),
        updateQuietHours(user, schedule.text, auditRequest(c)),
      ])
    requireAllowed(requireUserTarget(targets))
    if (changed.length === 0)
      throw conflict("The user was changed at the same time. Please try again.")
    return c.json(quietHoursView(schedule.text, c.get("now")), 200)
  })
  .openapi(autofillRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, rows] = await c
      .get("caller")
      .batch([userTarget(user, "read_personal"), autofill(user, c.req.valid("query").template_id)])
    requireAllowed(requireUserTarget(targets))
    return c.json(rows, 200)
  })
