// Agents as people and their clients see them (api.md 2.8).
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { AppEnv } from "../http/env.ts"
import { ApiError, badRequest } from "../http/errors.ts"
import { createRouter } from "../http/router.ts"
import { errors, jsonBody, timeSchema, uuidSchema } from "../http/wire.ts"
import { readLogs, readMetadata, type LogRow } from "./hub-statements.ts"
import { toLogView, toMetadataView } from "./metadata-view.ts"
import { metadataSchema } from "./metadata-schema.ts"
import { metadataEvents } from "./metadata-events.ts"
import { hubOf } from "./tell.ts"
import { agentById, agentReach, type AgentReach } from "./user-statements.ts"
import { agentSchema, toAgentView } from "./view.ts"

export const agentRoutes = createRouter()

const params = z.object({ agent: uuidSchema })
const base = "/workspaceagents/{agent}"
const readErrors = errors(400, 401, 404, 503)

const agentNotFound = () =>
  new ApiError(404, "Agent doesn't exist with that id, or you do not have access to it.")

agentRoutes.openapi(
  createRoute({
    method: "get",
    path: base,
    tags: ["Agents"],
    summary: "Read an agent",
    request: { params },
    responses: { 200: jsonBody(agentSchema, "The agent."), ...readErrors },
  }),
  async (c) => {
    const [row] = await c.get("caller").query(agentById(c.req.valid("param").agent))
    if (row === undefined) throw agentNotFound()
    return c.json(toAgentView(row.agent, c.get("now")), 200)
  },
)

const logSchema = z
  .object({ id: z.int(), created_at: timeSchema, output: z.string(), level: z.string(), source_id: z.uuid() })
  .openapi("WorkspaceAgentLog")

const logId = (name: string) =>
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
    .openapi({ type: "integer" })

agentRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/logs`,
    tags: ["Agents"],
    summary: "Read or follow an agent's logs",
    description:
      "With `follow` a WebSocket of arrays of lines, which ends (1000) when a newer build replaces the agent.",
    request: {
      params,
      query: z.object({
        before: logId("before"),
        after: logId("after"),
        follow: z.string().optional(),
        no_compression: z.string().optional(),
        format: z.string().optional(),
      }),
    },
    responses: { 200: jsonBody(z.array(logSchema), "The lines, oldest first."), ...readErrors },
  }),
  async (c) => {
    const { agent } = c.req.valid("param")
    const { before, after, follow, format } = c.req.valid("query")
    const isFollowing = follow !== undefined && follow !== "false"
    if (isFollowing && c.req.header("Upgrade")?.toLowerCase() === "websocket") {
      const reach = await reachAgent(c, agent, true)
      return toHub(c, reach.workspace_id, `/logs/${agent}?after=${after ?? 0}`)
    }
    const [[reach], rows] = await c
      .get("caller")
      .batch([agentReach(agent, { withDeleted: true }), readLogs(agent, { after: after ?? 0, before })])
    if (reach === undefined) throw agentNotFound()
    if (format === "text") return c.text(toText(rows)) as never
    return c.json(rows.map(toLogView), 200)
  },
)

function toText(rows: readonly LogRow[]): string {
  return rows.map((row) => `${row.created_at.toISOString()} [${row.level}] ${row.output}\n`).join("")
}

agentRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/watch-metadata`,
    tags: ["Agents"],
    summary: "Watch an agent's metadata",
    request: { params },
    responses: { 200: { description: "Server-sent events: `data` frames." }, ...readErrors },
  }),
  async (c) => {
    const { agent } = c.req.valid("param")
    const [[reach], rows] = await c
      .get("caller")
      .batch([agentReach(agent, { withDeleted: false }), readMetadata(agent)])
    if (reach === undefined) throw agentNotFound()
    return metadataEvents(c, agent, rows)
  },
)

agentRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/watch-metadata-ws`,
    tags: ["Agents"],
    summary: "Watch an agent's metadata over a WebSocket",
    request: { params },
    responses: {
      101: { description: "Frames `{type: data, data}`, on change." },
      200: jsonBody(z.array(metadataSchema), "What the first frame would hold."),
      ...readErrors,
    },
  }),
  async (c) => {
    const { agent } = c.req.valid("param")
    if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
      const [[reach], rows] = await c
        .get("caller")
        .batch([agentReach(agent, { withDeleted: false }), readMetadata(agent)])
      if (reach === undefined) throw agentNotFound()
      return c.json(
        rows.map((row) => toMetadataView(row, c.get("now"))),
        200,
      )
    }
    const reach = await reachAgent(c, agent, false)
    return toHub(c, reach.workspace_id, `/metadata/${agent}`)
  },
)

agentRoutes.openapi(
  createRoute({
    method: "get",
    path: `${base}/listening-ports`,
    tags: ["Agents"],
    summary: "List the ports that the workspace listens on",
    request: { params },
    responses: {
      200: jsonBody(
        z.object({
          ports: z.array(z.object({ process_name: z.string(), network: z.string(), port: z.int() })),
        }),
        "The ports.",
      ),
      ...readErrors,
    },
  }),
  async (c) => {
    await reachAgent(c, c.req.valid("param").agent, false)
    return c.json({ ports: [] }, 200)
  },
)

agentRoutes.openapi(
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

async function reachAgent(c: Context<AppEnv>, agent: string, withDeleted: boolean): Promise<AgentReach> {
  const [reach] = await c.get("caller").query(agentReach(agent, { withDeleted }))
  if (reach === undefined) throw agentNotFound()
  return reach
}

/** Passes the handshake on. The answer carries the socket, which no declared response does. */
async function toHub(c: Context<AppEnv>, workspaceId: string, path: string): Promise<never> {
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") throw badRequest("A WebSocket is expected.")
  const headers = new Headers({ Upgrade: "websocket" })
  return (await hubOf(c.env, workspaceId).fetch(`https://hub${path}`, { headers })) as never
}
