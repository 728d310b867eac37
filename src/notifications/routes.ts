// The notifications inbox over HTTP (api.md 2.15): clients read it at start-up. Nothing is delivered to it yet.
import { createRoute, z } from "@hono/zod-openapi"
import { createRouter } from "../http/router.ts"
import { errors, jsonBody, timeSchema, uuidSchema } from "../http/wire.ts"

const notificationSchema = z
  .object({
    id: uuidSchema,
    user_id: uuidSchema,
    template_id: uuidSchema,
    targets: z.array(uuidSchema),
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
  responses: {
    200: jsonBody(
      z
        .object({ notifications: z.array(notificationSchema), unread_count: z.int() })
        .openapi("ListInboxNotificationsResponse"),
      "The newest 25.",
    ),
    ...errors(401, 429, 503),
  },
})

export const notificationRoutes = createRouter().openapi(listRoute, async (c) => {
  await c.get("caller").actor()
  return c.json({ notifications: [], unread_count: 0 }, 200)
})
