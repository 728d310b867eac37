// The inbox over HTTP.
import { createRoute, z } from "@hono/zod-openapi"
import { notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import {
  errors,
  jsonBody,
  jsonRequest,
  timeSchema,
  uuidSchema,
  wireTime,
  wireTimeOrNull,
} from "../platform/http/wire.ts"
import {
  countUnread,
  type InboxNotificationRow,
  listInbox,
  markAllRead,
  markRead,
  requireInbox,
} from "./inbox-statements.ts"

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const idsMax = 100

const uuidList = (name: string) =>
  z
    .string()
    .max(idsMax * 37)
    .optional()
    .transform((text, context) => {
      const ids = (text ?? "").split(",").filter((id) => id !== "")
      if (ids.every((id) => uuidPattern.test(id))) return ids
      context.addIssue({ code: "custom", message: `Query param "${name}" has invalid values` })
      return z.NEVER
    })
    .openapi({ type: "string", description: "Ids, separated by commas." })

const inboxQuery = z.object({
  targets: uuidList("targets"),
  templates: uuidList("templates"),
  read_status: z.enum(["", "all", "read", "unread"]).default("all"),
})

const inboxNotificationSchema = z
  .object({
    id: z.string(),
    user_id: z.string(),
    template_id: z.string(),
    targets: z.array(z.string()),
    title: z.string(),
    content: z.string(),
    icon: z.string(),
    actions: z.array(z.object({ label: z.string(), url: z.string() })),
    read_at: timeSchema.nullable(),
    created_at: timeSchema,
  })
  .openapi("InboxNotification")

const listRoute = createRoute({
  method: "get",
  path: "/notifications/inbox",
  tags: ["Notifications"],
  summary: "List the caller's notifications",
  request: { query: inboxQuery.extend({ starting_before: uuidSchema.optional() }) },
  responses: {
    200: jsonBody(
      z
        .object({ notifications: z.array(inboxNotificationSchema), unread_count: z.int() })
        .openapi("InboxNotifications"),
      "The newest 25 that match, and how many are unread in all.",
    ),
    ...errors(400, 401, 403, 429, 503),
  },
})

const readStatusRoute = createRoute({
  method: "put",
  path: "/notifications/inbox/{id}/read-status",
  tags: ["Notifications"],
  summary: "Mark a notification as read or unread",
  request: {
    params: z.object({ id: uuidSchema }),
    body: jsonRequest(z.object({ is_read: z.boolean() })),
  },
  responses: {
    200: jsonBody(
      z
        .object({ notification: inboxNotificationSchema, unread_count: z.int() })
        .openapi("InboxReadStatus"),
      "The notification as it is now.",
    ),
    ...errors(400, 401, 404, 429, 503),
  },
})

const markAllRoute = createRoute({
  method: "put",
  path: "/notifications/inbox/mark-all-as-read",
  tags: ["Notifications"],
  summary: "Mark all of the caller's notifications as read",
  responses: { 204: { description: "All are read." }, ...errors(401, 403, 429, 503) },
})

export const inboxRoutes = createRouter()
  .openapi(listRoute, async (c) => {
    const { targets, templates, read_status, starting_before } = c.req.valid("query")
    const readStatus = read_status === "" ? "all" : read_status
    const filter = { targets, templates, readStatus, startingBefore: starting_before ?? null }
    const caller = c.get("caller")
    const [rows, counts] = await caller.batch([listInbox(filter), countUnread()])
    await requireInbox(caller, "read")
    return c.json(
      { notifications: rows.map(toView), unread_count: counts[0]?.unread_count ?? 0 },
      200,
    )
  })
  .openapi(markAllRoute, async (c) => {
    const caller = c.get("caller")
    await caller.query(markAllRead(c.get("now")))
    await requireInbox(caller, "update")
    return c.body(null, 204)
  })
  .openapi(readStatusRoute, async (c) => {
    const { is_read } = c.req.valid("json")
    const caller = c.get("caller")
    const [rows, counts] = await caller.batch([
      markRead(c.req.valid("param").id, is_read, c.get("now")),
      countUnread(),
    ])
    const [row] = rows
    if (row === undefined) throw notFound()
    return c.json({ notification: toView(row), unread_count: counts[0]?.unread_count ?? 0 }, 200)
  })

function toView({ read_at, created_at, ...row }: InboxNotificationRow) {
  return { ...row, read_at: wireTimeOrNull(read_at), created_at: wireTime(created_at) }
}
