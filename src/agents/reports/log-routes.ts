// The agent's own logs and their sources.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { createRoute, z } from "@hono/zod-openapi"
import { ApiError, badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, nilUuid, wireTime } from "../../platform/http/wire.ts"
import { touchAgent } from "../actor.ts"
import { logLevels, logSourceRequest, logsRequest } from "./requests.ts"
import { addLogSource, appendLogs, logBytesMax, type NewLog } from "./log-statements.ts"
import { notifyLogsAdded } from "../own-side.ts"
import { logSourceSchema } from "../views/schemas.ts"

export const agentLogRoutes = createRouter()

agentLogRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/workspaceagents/me/logs",
    tags: ["Agents"],
    summary: "Append to the agent's logs",
    description: "A mebibyte in all; what would pass it is refused, and so is everything after.",
    request: { body: jsonRequest(logsRequest) },
    responses: { 200: jsonBody(z.null(), "Stored."), ...errors(400, 401, 413, 503) },
  }),
  async (c) => {
    const { log_source_id, logs: sent } = c.req.valid("json")
    if (!sent || sent.length === 0) throw badRequest("No logs provided.")
    const logs: NewLog[] = []
    let lengthBytes = 0
    for (const line of sent) {
      const level = line.level === "" ? "info" : logLevels.find((known) => known === line.level)
      if (level === undefined) {
        throw badRequest("Invalid log level provided.", {
          detail: `invalid log level: ${JSON.stringify(line.level)}`,
        })
      }
      const output = withoutNul(line.output)
      lengthBytes += new TextEncoder().encode(output).byteLength
      logs.push({ createdAt: new Date(line.created_at), level, output })
    }
    // Lines that can never fit are not sent to the database; their length alone marks the overflow.
    const fitting = lengthBytes > logBytesMax ? [] : logs
    const [, [row]] = await c
      .get("agent")
      .batch([touchAgent(c.get("now")), appendLogs(log_source_id ?? nilUuid, fitting, lengthBytes)])
    if (row === undefined) throw new ApiError(413, "Logs limit exceeded")
    notifyLogsAdded(c, await c.get("agent").actor())
    return c.json(null, 200)
  },
)

agentLogRoutes.openapi(
  createRoute({
    method: "post",
    path: "/workspaceagents/me/log-source",
    tags: ["Agents"],
    summary: "Name a source of logs",
    request: { body: jsonRequest(logSourceRequest) },
    responses: { 201: jsonBody(logSourceSchema, "The source."), ...errors(400, 401, 503) },
  }),
  async (c) => {
    const { id, display_name, icon } = c.req.valid("json")
    const now = c.get("now")
    const source = { id, displayName: withoutNul(display_name), icon: withoutNul(icon) }
    const [, [row]] = await c.get("agent").batch([touchAgent(now), addLogSource(source, now)])
    if (row === undefined) throw notFound()
    return c.json({ ...row, created_at: wireTime(row.created_at) }, 201)
  },
)
