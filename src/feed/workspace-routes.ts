// Watching a workspace, over a hibernating WebSocket or as server-sent events.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { openEvents, openSocket, requireUpgrade, type NewWatch } from "../platform/durable/watch.ts"
import { errors } from "../platform/http/wire.ts"
import { workspaceParam } from "../workspaces/read-routes.ts"
import { watchTarget } from "../workspaces/statements.ts"

const frames = "One `ping`, then the whole workspace as `data`, at once and after every change."

const watchSocketRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/watch-ws",
  tags: ["Workspaces"],
  summary: "Watch a workspace over a WebSocket",
  description: [
    frames,
    'Text frames of `{"type": "ping"|"data"|"error", "data": ...}`.',
    "A client that sends a frame is closed with 1002; one that may no longer watch with 1008.",
    "After any code but 1000 and 1001 a client connects again.",
  ].join(" "),
  request: { params: workspaceParam },
  responses: {
    101: { description: "The socket." },
    ...errors(400, 401, 404, 426, 429, 503),
  },
})

const watchEventsRoute = createRoute({
  method: "get",
  path: "/workspaces/{workspace}/watch",
  tags: ["Workspaces"],
  summary: "Watch a workspace as server-sent events",
  description: `${frames} A \`ping\` each 15 seconds. The fallback of \`watch-ws\`.`,
  request: { params: workspaceParam },
  responses: {
    200: { description: "The events.", content: { "text/event-stream": { schema: z.string() } } },
    ...errors(400, 401, 404, 429, 503),
  },
})

export const workspaceWatchRoutes = createRouter()
  .openapi(watchSocketRoute, async (c) => {
    requireUpgrade(c)
    const state = await watchState(c, c.req.valid("param").workspace)
    return openSocket(c, state)
  })
  .openapi(watchEventsRoute, async (c) => {
    const state = await watchState(c, c.req.valid("param").workspace)
    return openEvents(c, state)
  })

async function watchState(c: Context<AppEnv>, id: string): Promise<NewWatch> {
  const [target] = await c.get("caller").query(watchTarget(id))
  if (target === undefined) throw notFound()
  const actor = await c.get("caller").actor()
  return {
    kind: "workspace",
    id,
    keyId: actor.key_id,
    userId: actor.id,
    workspaceId: id,
    templateId: target.template_id,
    inbox: null,
  }
}
