// Serving a job's log: at once, or over a WebSocket that follows it, one frame a line, until the job ends (api.md 2.7).
import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { Database, Statement } from "../db/client.ts"
import type { AppEnv } from "../http/env.ts"
import { badRequest, notFound } from "../http/errors.ts"
import { wireJson } from "../http/json.ts"
import { readLogs, toJobLogView, toLogText, type LogJson } from "./logs.ts"

export const logQuery = z.object({
  after: z.string().optional().openapi({ type: "integer", description: "Only lines after this id." }),
  follow: z.string().optional().openapi({ description: "Present: a WebSocket." }),
  format: z
    .string()
    .optional()
    .openapi({ enum: ["json", "text"] }),
})

/** Pauses between reads while following: short while lines flow, longer in silence. A read is one statement. */
const pauseMsMin = 500
const pauseMsMax = 2_000
/** Then the client is asked to connect again: a Worker's invocation may make only so many calls. */
const readsMax = 5_000
const failuresMax = 5

/** Answers for the job that `findJob` finds on behalf of the caller; no row is a 404. */
export async function serveLogs(
  c: Context<AppEnv>,
  query: z.infer<typeof logQuery>,
  findJob: Statement<{ job_id: string }>,
): Promise<Response> {
  const after = parseAfter(query.after)
  const format = query.format || "json"
  const follows = query.follow !== undefined
  if (format !== "json" && format !== "text") {
    throw badRequest("Invalid query parameters.", {
      validations: [{ field: "format", detail: 'must be "json" or "text"' }],
    })
  }
  if (follows && format === "text") {
    throw badRequest(
      "Text format is not supported with follow mode. Use format=json or omit the follow parameter.",
    )
  }
  const [job] = await c.var.caller.query(findJob)
  if (!job) throw notFound()
  if (!follows) {
    const [read] = await c.var.db.all(readLogs(job.job_id, after))
    const logs = read?.logs ?? []
    return format === "text" ? c.text(toLogText(logs)) : c.json(logs.map(toJobLogView), 200)
  }
  if (c.req.header("Upgrade")?.toLowerCase() !== "websocket")
    throw badRequest("Following a log needs a WebSocket.")
  const { 0: client, 1: server } = new WebSocketPair()
  server.accept()
  c.executionCtx.waitUntil(follow(server, c.var.db, job.job_id, after))
  return new Response(null, { status: 101, webSocket: client })
}

function parseAfter(text: string | undefined): number {
  if (text === undefined || text === "") return 0
  if (!/^-?\d{1,15}$/.test(text)) {
    throw badRequest("Query parameters have invalid values.", {
      validations: [
        { field: "after", detail: `Query param "after" must be a valid integer: ${JSON.stringify(text)}` },
      ],
    })
  }
  return Number(text)
}

/** Never the first frame in the handshake's own turn: clients lose it (clients.md). */
async function follow(socket: WebSocket, db: Database, jobId: string, after: number): Promise<void> {
  let isOpen = true
  const end = () => {
    isOpen = false
  }
  socket.addEventListener("close", end)
  socket.addEventListener("error", end)
  let pauseMs = 20
  let failures = 0
  for (let reads = 0; reads < readsMax; reads++) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    if (!isOpen) return
    const read = await readOrNull(db, jobId, after)
    if (read === null) {
      failures += 1
      if (failures >= failuresMax) return closeQuietly(socket, 1011, "the log cannot be read")
      pauseMs = pauseMsMax
      continue
    }
    failures = 0
    for (const log of read.logs) {
      if (!isOpen) return
      socket.send(wireJson(toJobLogView(log)).trimEnd())
      after = log.id
    }
    if (read.completed && read.logs.length === 0) return closeQuietly(socket, 1000, "done")
    pauseMs = read.logs.length > 0 ? pauseMsMin : Math.min(pauseMsMax, Math.max(pauseMsMin, pauseMs * 1.5))
    if (read.completed) pauseMs = 1
  }
  closeQuietly(socket, 1013, "please connect again")
}

async function readOrNull(
  db: Database,
  jobId: string,
  after: number,
): Promise<{ completed: boolean; logs: LogJson[] } | null> {
  try {
    const [read] = await db.all(readLogs(jobId, after))
    return read ?? { completed: true, logs: [] }
  } catch {
    return null
  }
}

function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason)
  } catch {
    // It was closed from the other side.
  }
}
