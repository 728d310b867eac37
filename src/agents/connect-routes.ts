// The agent's socket: while it is open the agent is connected, and the hub can call it.
import { createRoute } from "@hono/zod-openapi"
import { ApiError } from "../http/errors.ts"
import { createRouter } from "../http/router.ts"
import { errors } from "../http/wire.ts"
import { hubOf } from "./tell.ts"

export const connectRoutes = createRouter()

connectRoutes.openapi(
  createRoute({
    method: "get",
    path: "/workspaceagents/me/connect",
    tags: ["Agents"],
    summary: "Hold the agent's socket",
    description:
      "The agent sends the text `ping` each 15 s and is answered `pong`; frames to it are JSON: `{type: dial, session}`, `{type: reinit, workspace_id, reason}`.",
    responses: {
      101: { description: "The socket." },
      ...errors(401, 426, 503),
    },
  }),
  async (c) => {
    const actor = await c.get("agent").actor()
    if (c.req.header("Upgrade")?.toLowerCase() !== "websocket")
      throw new ApiError(426, "A WebSocket is expected.")
    const headers = new Headers({ Upgrade: "websocket" })
    return hubOf(c.env, actor.workspace_id).fetch(`https://hub/agent/${actor.agent_id}`, {
      headers,
    })
  },
)
