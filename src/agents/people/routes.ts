// Agents as people and their clients see them.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { AppEnv } from "../../platform/http/env.ts"
import { ApiError, badRequest } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import type { AgentTopicKind } from "../../platform/durable/publish.ts"
import {
  openEvents,
  openFollow,
  openSocket,
  requireUpgrade,
  type NewWatch,
} from "../../platform/durable/watch.ts"
import { errors, jsonBody, uuidSchema } from "../../platform/http/wire.ts"
import { logPageMax, readLogs } from "../reports/log-statements.ts"
import { followFrom, logSchema, toLogText, toLogView } from "../reports/view.ts"
import { listeningPortSchema } from "../forward/listening-ports.ts"
import { portsOf } from "../hub/calls.ts"
import { agentById, agentReach, type AgentReach } from "./statements.ts"
import { agentSchema } from "../views/schemas.ts"
import { toAgentView } from "../views/view.ts"

export const peopleRoutes = createRouter()

const params = z.object({ agent: uuidSchema })
const base = "/workspaceagents/{agent}"
const readErrors = errors(400, 401, 404, 503)

const agentNotFound = () =>
  new ApiError(404, "Agent doesn't exist with that id, or you do not have access to it.")

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: base,
    tags: ["Agents"],
    summary: "Read an agent",
    request: { params },
    responses: { 200: jsonBody(agentSchema, "The agent."), ...readErrors },
  }),
  async (c) => {
    const [row] = await c.get("caller").query(agentById(c.req.valid("param").agent, c.get("now")))
    if (row === undefined) throw agentNotFound()
    return c.json(toAgentView(row.agent), 200)
  },
)

const logId = (name: string, description: string) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === "") return undefined
      if (/^\d{1,15}$/.test(text)) return Number(text)
      context.addIssue({
        code: "custom",
        message: `Query param "${name}" must be a valid integer: ${JSON.stringify(text)}`,
      })
      return z.NEVER
    })
    .openapi({ type: "integer", description })

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/logs`,
    tags: ["Agents"],
    summary: "Read or follow an agent's logs",
    description:
      "With `follow`, a WebSocket of arrays of lines; 1000 when a newer build replaces the agent.",
    request: {
      params,
      query: z.object({
        before: logId("before", "Only lines before this id."),
        after: logId("after", "Only lines after this id."),
        follow: z.string().optional(),
        no_compression: z.string().optional(),
        format: z
          .string()
          .optional()
          .openapi({ enum: ["json", "text"] }),
      }),
    },
    responses: {
      101: { description: "The socket: an array of lines a text frame." },
      200: jsonBody(z.array(logSchema), "The lines, oldest first, at most 20,000 of them."),
      ...readErrors,
      ...errors(426),
    },
  }),
  async (c) => {
    const { agent } = c.req.valid("param")
    const { before, after = 0, follow, format } = c.req.valid("query")
    if (format !== undefined && !["", "json", "text"].includes(format)) {
      const validations = [{ field: "format", detail: 'must be "json" or "text"' }]
      throw badRequest("Invalid query parameters.", { validations })
    }
    if (follow !== undefined) {
      if (format === "text") {
        throw badRequest(
          "Text format is not supported with follow mode. Use format=json or omit the follow parameter.",
        )
      }
      requireUpgrade(c)
      const watch = await watchOf(c, "agent-log", agent, true)
      return openFollow(c, { ...watch, cursor: followFrom(after) })
    }
    const [[reach], rows] = await c
      .get("caller")
      .batch([
        agentReach(agent, { withDeleted: true }),
        readLogs(agent, { after, before, limit: logPageMax }),
      ])
    if (reach === undefined) throw agentNotFound()
    if (format === "text") return c.text(toLogText(rows)) as never
    return c.json(rows.map(toLogView), 200)
  },
)

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/watch-metadata`,
    tags: ["Agents"],
    summary: "Watch an agent's metadata as server-sent events",
    description:
      "All items as `data`, at once, on change and every five seconds; a `ping` each 15 seconds.",
    request: { params },
    responses: {
      200: { description: "The events.", content: { "text/event-stream": { schema: z.string() } } },
      ...readErrors,
    },
  }),
  async (c) => openEvents(c, await watchOf(c, "agent-metadata", c.req.valid("param").agent, false)),
)

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/watch-metadata-ws`,
    tags: ["Agents"],
    summary: "Watch an agent's metadata over a WebSocket",
    description:
      'All items in a text frame `{"type": "data", "data": [...]}`, at once and on change.',
    request: { params },
    responses: { 101: { description: "The socket." }, ...readErrors, ...errors(426) },
  }),
  async (c) => {
    requireUpgrade(c)
    return openSocket(c, await watchOf(c, "agent-metadata", c.req.valid("param").agent, false))
  },
)

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/listening-ports`,
    tags: ["Agents"],
    summary: "List the ports that the workspace listens on",
    request: { params },
    responses: {
      200: jsonBody(
        z.object({ ports: z.array(listeningPortSchema) }),
        "The ports, lowest first; none while the agent holds no socket.",
      ),
      ...readErrors,
    },
  }),
  async (c) => {
    const { agent } = c.req.valid("param")
    const { workspace_id: workspaceId } = await reachAgent(c, agent, false)
    return c.json({ ports: await portsOf(c.env, workspaceId, agent) }, 200)
  },
)

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/containers`,
    tags: ["Agents"],
    summary: "List the containers of the workspace",
    request: { params },
    responses: {
      200: jsonBody(
        z.object({ containers: z.array(z.unknown()), devcontainers: z.array(z.unknown()) }),
        "The containers.",
      ),
      ...readErrors,
    },
  }),
  async (c) => {
    await reachAgent(c, c.req.valid("param").agent, false)
    return c.json({ containers: [], devcontainers: [] }, 200)
  },
)

peopleRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/containers/watch`,
    tags: ["Agents"],
    summary: "Watch the containers of the workspace over a WebSocket",
    description: "One text frame with the list, as `containers` answers it, without an envelope.",
    request: { params },
    responses: { 101: { description: "The socket." }, ...readErrors, ...errors(426) },
  }),
  async (c) => {
    requireUpgrade(c)
    return openSocket(c, await watchOf(c, "agent-containers", c.req.valid("param").agent, false))
  },
)

async function reachAgent(
  c: Context<AppEnv>,
  agent: string,
  withDeleted: boolean,
): Promise<AgentReach> {
  const [reach] = await c.get("caller").query(agentReach(agent, { withDeleted }))
  if (reach === undefined) throw agentNotFound()
  return reach
}

/** Returns the watch of a caller who may reach the agent. Throws a 404 for anybody else. */
async function watchOf(
  c: Context<AppEnv>,
  kind: AgentTopicKind,
  agent: string,
  withDeleted: boolean,
): Promise<NewWatch> {
  const { workspace_id: workspaceId } = await reachAgent(c, agent, withDeleted)
  const { id: userId, key_id: keyId } = await c.get("caller").actor()
  return { kind, id: agent, keyId, userId, workspaceId, templateId: null, inbox: null }
}
