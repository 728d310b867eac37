// Forwarding a port: the command and the agent each connect to a relay made for the one session.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { AppEnv } from "../../platform/http/env.ts"
import { ApiError, conflict, forbidden } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { requireUpgrade } from "../../platform/durable/watch.ts"
import { errors, uuidSchema } from "../../platform/http/wire.ts"
import { hubOf } from "../hub/calls.ts"
import { agentReach } from "../people/statements.ts"

export const forwardRoutes = createRouter()

const socket = { 101: { description: "The socket: frames of streams." } }

forwardRoutes.openapi(
  createRoute({
    method: "get",
    path: "/workspaceagents/{agent}/forward",
    tags: ["Agents"],
    summary: "Forward ports of a workspace over a WebSocket",
    request: { params: z.object({ agent: uuidSchema }) },
    responses: { ...socket, ...errors(400, 401, 403, 404, 409, 426, 503) },
  }),
  async (c) => {
    const { agent } = c.req.valid("param")
    requireUpgrade(c)
    const [reach] = await c.get("caller").query(agentReach(agent, { withDeleted: false }))
    if (reach === undefined) {
      throw new ApiError(404, "Agent doesn't exist with that id, or you do not have access to it.")
    }
    if (!reach.may_forward) throw forbidden()
    if (!reach.is_running) throw conflict("The workspace is not running.")
    const session = crypto.randomUUID()
    const isCalled = await hubOf(c.env, reach.workspace_id).send(agent, { type: "dial", session })
    if (!isCalled) throw conflict("The agent is not connected.")
    const { key_id: keyId } = await c.get("caller").actor()
    return joinRelay(c, session, `client/${agent}/${keyId}`)
  },
)

forwardRoutes.openapi(
  createRoute({
    method: "get",
    path: "/workspaceagents/me/relay/{session}",
    tags: ["Agents"],
    summary: "Answer a call to forward ports",
    request: { params: z.object({ session: uuidSchema }) },
    responses: { ...socket, ...errors(400, 401, 409, 426, 503) },
  }),
  async (c) => {
    requireUpgrade(c)
    const actor = await c.get("agent").actor()
    return joinRelay(c, c.req.valid("param").session, `agent/${actor.agent_id}`)
  },
)

async function joinRelay(c: Context<AppEnv>, session: string, path: string): Promise<Response> {
  const headers = new Headers({ Upgrade: "websocket" })
  const answer = await c.env.PORT_RELAY.getByName(session).fetch(`https://relay/${path}`, {
    headers,
  })
  if (answer.status === 409) throw conflict("The session is taken.")
  return answer
}
