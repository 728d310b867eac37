// The agent's socket: while it is open the agent is connected, and the hub can call it.
//
// The hub of the named workspace proves the token and writes the connection in one round trip. A
// malformed token or id never reaches a hub.
import { createRoute, z } from "@hono/zod-openapi"
import { agentUnauthorized, presentedAgentHash } from "../../access/agent-token.ts"
import { toHex } from "../../platform/db/values.ts"
import { ApiError } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { requireUpgrade } from "../../platform/durable/watch.ts"
import { errors, uuidSchema } from "../../platform/http/wire.ts"
import { hashHeader, joinHub } from "./calls.ts"

export const connectRoutes = createRouter()

connectRoutes.openapi(
  createRoute({
    method: "get",
    path: "/workspaceagents/me/connect",
    tags: ["Agents"],
    summary: "Hold the agent's socket",
    description: [
      "The agent names the workspace of its manifest.",
      "It sends the text `ping` each 15 s and is answered `pong`.",
      "Frames to it are JSON: `{type: dial, session}`, `{type: reinit, workspace_id, reason}`.",
      "It reports the ports that it listens on when they change, each ten seconds at most:",
      "`{type: ports, ports: [{process_name, network, port}]}`.",
    ].join(" "),
    request: { query: z.object({ workspace_id: uuidSchema }) },
    responses: {
      101: { description: "The socket." },
      ...errors(400, 401, 426, 503),
    },
  }),
  async (c) => {
    const hash = await presentedAgentHash(c)
    if (hash instanceof ApiError) throw hash
    requireUpgrade(c)
    const { workspace_id: workspaceId } = c.req.valid("query")
    const answer = await joinHub(c.env, workspaceId, "agent", { [hashHeader]: toHex(hash) })
    if (answer.status === 401) throw agentUnauthorized()
    return answer
  },
)
