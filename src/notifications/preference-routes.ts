// Which notifications a person gets, over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { userIdOf } from "../access/lookup.ts"
import { may } from "../access/may.ts"
import type { Action } from "../access/permissions.ts"
import { statement } from "../platform/db/client.ts"
import type { RowOf } from "../platform/db/row.ts"
import type { notificationPreferences } from "../platform/db/schema/lifecycle.ts"
import { json } from "../platform/db/sql.ts"
import { badRequest, forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  timeSchema,
  uuidSchema,
  wireTime,
} from "../platform/http/wire.ts"
import { listedNotifications } from "./templates.ts"

const tags = ["Notifications"]
const userParam = z.object({
  user: z.string().max(64).openapi({ description: "An id, a username or `me`." }),
})

const methodsRoute = createRoute({
  method: "get",
  path: "/notifications/dispatch-methods",
  tags,
  summary: "List how notifications are delivered, besides the inbox",
  responses: {
    200: jsonBody(
      z
        .object({ available: z.array(z.string()), default: z.string() })
        .openapi("NotificationMethodsResponse"),
      "The methods.",
    ),
    ...errors(401, 429, 503),
  },
})

const templatesRoute = createRoute({
  method: "get",
  path: "/notifications/templates/system",
  tags,
  summary: "List the notifications that exist",
  responses: {
    200: jsonBody(
      z.array(
        z
          .object({
            id: uuidSchema,
            name: z.string(),
            title_template: z.string(),
            body_template: z.string(),
            actions: z.string(),
            group: z.string(),
            method: z.string(),
            kind: z.string(),
            enabled_by_default: z.boolean(),
          })
          .openapi("NotificationTemplate"),
      ),
      "The notifications. Their texts are made by code, so the templates of texts are empty.",
    ),
    ...errors(401, 429, 503),
  },
})

const preferencesAnswer = jsonBody(
  z.array(
    z
      .object({ id: uuidSchema, disabled: z.boolean(), updated_at: timeSchema })
      .openapi("NotificationPreference"),
  ),
  "The notifications that the person switched off or on.",
)

const readRoute = createRoute({
  method: "get",
  path: "/users/{user}/notifications/preferences",
  tags,
  summary: "List the notifications that a person switched off or on",
  request: { params: userParam },
  responses: { 200: preferencesAnswer, ...errors(401, 403, 404, 429, 503) },
})

const updateRoute = createRoute({
  method: "put",
  path: "/users/{user}/notifications/preferences",
  tags,
  summary: "Switch notifications off or on",
  description: "Notifications that the map does not name stay as they are.",
  request: {
    params: userParam,
    body: jsonRequest(
      z
        .object({
          template_disabled_map: z
            .record(uuidSchema, z.boolean())
            .openapi({ example: { "d089fe7b-d5c5-4c0c-aaf5-689859f7d392": true } }),
        })
        .openapi("UpdateUserNotificationPreferences"),
    ),
  },
  responses: { 200: preferencesAnswer, ...errors(400, 401, 403, 404, 429, 503) },
})

type Target = { id: string; can_read: boolean; is_allowed: boolean }

const mayPersonal = (action: Action): SQL =>
  may(action, "user", { id: sql`u.id`, owner: sql`u.id` })

const targetOf = (user: string, action: Action) =>
  statement<Target>(
    "notification-preferences.target",
    sql`select u.id, ${mayPersonal("read")} as can_read, ${mayPersonal(action)} as is_allowed
      from users u where u.id = ${userIdOf(user)} and not u.is_system`,
  )

type Preference = Pick<
  RowOf<typeof notificationPreferences>,
  "template_id" | "disabled" | "updated_at"
>

const listPreferences = (user: string) =>
  statement<Preference>(
    "notification-preferences.list",
    sql`select p.template_id, p.disabled, p.updated_at
      from notification_preferences p join users u on u.id = p.user_id
      where u.id = ${userIdOf(user)} and ${mayPersonal("read_personal")}
      order by p.template_id`,
  )

/** Writes the switches. Only those that change get a new instant. */
const setPreferences = (user: string, disabled: Record<string, boolean>, now: Date) =>
  statement<{ template_id: string }>(
    "notification-preferences.set",
    sql`insert into notification_preferences as p (user_id, template_id, disabled, updated_at)
      select u.id, e.key::uuid, e.value::boolean, ${now}::timestamptz
      from users u, jsonb_each_text(${json(disabled)}) e
      where u.id = ${userIdOf(user)} and ${mayPersonal("update_personal")}
      on conflict (user_id, template_id) do update
      set disabled = excluded.disabled, updated_at = excluded.updated_at
      where p.disabled <> excluded.disabled
      returning p.template_id`,
  )

function requireTarget([target]: Target[]): void {
  if (target === undefined || !(target.can_read || target.is_allowed)) throw notFound()
  if (!target.is_allowed) throw forbidden()
}

const toView = (row: Preference) => ({
  id: row.template_id,
  disabled: row.disabled,
  updated_at: wireTime(row.updated_at),
})

export const notificationPreferenceRoutes = createRouter()
  .openapi(methodsRoute, async (c) => {
    await c.get("caller").actor()
    return c.json({ available: ["webhook"], default: "webhook" }, 200)
  })
  .openapi(templatesRoute, async (c) => {
    await c.get("caller").actor()
    return c.json(
      listedNotifications.map(({ id, name }) => ({
        id,
        name,
        title_template: "",
        body_template: "",
        actions: "[]",
        group: "Workspace Events",
        method: "",
        kind: "system",
        enabled_by_default: true,
      })),
      200,
    )
  })
  .openapi(readRoute, async (c) => {
    const { user } = c.req.valid("param")
    const [targets, rows] = await c
      .get("caller")
      .batch([targetOf(user, "read_personal"), listPreferences(user)])
    requireTarget(targets)
    return c.json(rows.map(toView), 200)
  })
  .openapi(updateRoute, async (c) => {
    const { user } = c.req.valid("param")
    const { template_disabled_map: disabled } = c.req.valid("json")
    const unknown = Object.keys(disabled).find(
      (id) => !listedNotifications.some((one) => one.id === id),
    )
    if (unknown !== undefined) {
      throw badRequest("There is no such notification.", {
        validations: [{ field: "template_disabled_map", detail: `unknown id ${unknown}` }],
      })
    }
    const [targets, , rows] = await c
      .get("caller")
      .batch([
        targetOf(user, "update_personal"),
        setPreferences(user, disabled, c.get("now")),
        listPreferences(user),
      ])
    requireTarget(targets)
    return c.json(rows.map(toView), 200)
  })
