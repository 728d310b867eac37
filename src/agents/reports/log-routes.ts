// The agent's own logs and their sources.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { createRoute, z } from "@hono/zod-openapi"
import { ApiError, badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, nilUuid, wireTime } from "../../platform/http/wire.ts"
import { touchAgent } from "../actor.ts"
import { logLevels, logSourceRequest, logsRequest, reportedAt } from "./requests.ts"
import { addLogSource, appendLogs, lineBytes, logBytesMax, type NewLog } from "./log-statements.ts"
import { notifyLogsAdded } from "../own-side.ts"
import { logSourceSchema } from "../views/schemas.ts"

export const agentLogRoutes = createRouter()

agentLogRoutes.openapi(
  createRoute({
    method: "patch",
    path: "/workspaceagents/me/logs",
    tags: ["Agents"],
    summary: "Append to the agent's logs",
    description:
      "Keeps the first mebibyte of all, then a notice. A call that passes it is answered 413.",
    request: { body: jsonRequest(logsRequest) },
    responses: { 200: jsonBody(z.null(), "Stored."), ...errors(400, 401, 413, 503) },
  }),
  async (c) => {
    const { log_source_id, logs: sent } = c.req.valid("json")
    if (!sent || sent.length === 0) throw badRequest("No logs provided.")
    const now = c.get("now")
    const logs = uptoLimit(sent.flatMap((line) => toNewLogs(line, now)))
    const [, [row]] = await c
      .get("agent")
      .batch([touchAgent(now), appendLogs(log_source_id ?? nilUuid, logs)])
    if (row !== undefined) notifyLogsAdded(c, await c.get("agent").actor())
    if (row?.is_over !== false) throw new ApiError(413, "Logs limit exceeded")
    return c.json(null, 200)
  },
)

type SentLine = NonNullable<z.infer<typeof logsRequest>["logs"]>[number]

/** A longer line is stored as several, so that a log that overflows keeps the beginning of it. */
const piecePattern = /[^]{1,65536}/gu

function toNewLogs(line: SentLine, now: Date): NewLog[] {
  const level = line.level === "" ? "info" : logLevels.find((known) => known === line.level)
  if (level === undefined) {
    throw badRequest("Invalid log level provided.", {
      detail: `invalid log level: ${JSON.stringify(line.level)}`,
    })
  }
  const createdAt = reportedAt(line.created_at, now)
  const pieces = withoutNul(line.output).match(piecePattern) ?? [""]
  return pieces.map((output) => {
    const bytes = new TextEncoder().encode(output).byteLength + lineBytes
    return { createdAt, level, output, bytes }
  })
}

/** The lines that can fit and the first that cannot; the database need not see the others. */
function uptoLimit(logs: NewLog[]): NewLog[] {
  let bytes = 0
  const end = logs.findIndex((log) => (bytes += log.bytes) > logBytesMax)
  return end === -1 ? logs : logs.slice(0, end + 1)
}

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
