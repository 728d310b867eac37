// Watching one's own notifications.
import { createRoute, z } from "@hono/zod-openapi"
import { requireInbox } from "../notifications/inbox-statements.ts"
import { createRouter } from "../platform/http/router.ts"
import { openSocket, requireUpgrade } from "../platform/durable/watch.ts"
import { errors } from "../platform/http/wire.ts"
import { inboxCursor, inboxOverlapMs } from "./inbox.ts"
import { ownInboxSince } from "./statements.ts"

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const idsMax = 50

/** A watcher's state is its socket's attachment, whose size is limited. So lists are bounded. */
const uuidList = (name: string) =>
  z
    .string()
    .max(idsMax * 37)
    .optional()
    .transform((text, context) => {
      const ids = (text ?? "").split(",").filter((id) => id !== "")
      if (ids.every((id) => uuidPattern.test(id))) return ids.map((id) => id.toLowerCase())
      context.addIssue({ code: "custom", message: `Query param "${name}" has invalid values` })
      return z.NEVER
    })
    .openapi({ type: "string", description: "Ids, separated by commas." })

const inboxWatchRoute = createRoute({
  method: "get",
  path: "/notifications/inbox/watch",
  tags: ["Notifications"],
  summary: "Watch the caller's notifications over a WebSocket",
  description: [
    'A text frame `{"notification": ..., "unread_count": ...}` for each that arrives and matches.',
    "A notification matches if all listed targets are among its own.",
  ].join(" "),
  request: {
    query: z.object({
      targets: uuidList("targets"),
      templates: uuidList("templates"),
      read_status: z.enum(["", "all", "read", "unread"]).default("all"),
      format: z.enum(["", "markdown", "plaintext"]).default(""),
    }),
  },
  responses: { 101: { description: "The socket." }, ...errors(400, 401, 403, 426, 429, 503) },
})

export const inboxWatchRoutes = createRouter().openapi(inboxWatchRoute, async (c) => {
  requireUpgrade(c)
  const { targets, templates, read_status } = c.req.valid("query")
  const since = new Date(c.get("now").getTime() - inboxOverlapMs)
  const existing = await c.get("caller").query(ownInboxSince(since))
  await requireInbox(c.get("caller"), "read")
  const actor = await c.get("caller").actor()
  return openSocket(c, {
    kind: "inbox",
    id: actor.id,
    keyId: actor.key_id,
    userId: actor.id,
    workspaceId: null,
    templateId: null,
    cursor: inboxCursor(
      since,
      existing.map(({ id }) => id),
    ),
    inbox: { targets, templates, readStatus: read_status === "" ? "all" : read_status },
  })
})
