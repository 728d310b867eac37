// Serves a job's log: at once, or over a WebSocket that follows it until the job ends.
//
// The WebSocket sends one frame per line.
import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { Statement } from "../../platform/db/client.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { badRequest, notFound } from "../../platform/http/errors.ts"
import { openFollow, requireUpgrade } from "../../platform/durable/watch.ts"
import { readLogs, toJobLogView, toLogText } from "./read.ts"

export const logQuery = z.object({
  after: z
    .string()
    .optional()
    .openapi({ type: "integer", description: "Only lines after this id." }),
  follow: z.string().optional().openapi({ description: "Present: a WebSocket." }),
  format: z
    .string()
    .optional()
    .openapi({ enum: ["json", "text"] }),
})

/** Serves the log of the job that `findJob` finds for the caller; no row is a 404. */
export async function serveLogs(
  c: Context<AppEnv>,
  query: z.infer<typeof logQuery>,
  findJob: Statement<{ job_id: string; workspace_id?: string }>,
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
  requireUpgrade(c)
  const actor = await c.var.caller.actor()
  return openFollow(c, {
    kind: "job-log",
    id: job.job_id,
    keyId: actor.key_id,
    userId: actor.id,
    workspaceId: job.workspace_id ?? null,
    templateId: null,
    inbox: null,
    cursor: String(after),
  })
}

function parseAfter(text: string | undefined): number {
  if (text === undefined || text === "") return 0
  if (!/^-?\d{1,15}$/.test(text)) {
    throw badRequest("Query parameters have invalid values.", {
      validations: [
        {
          field: "after",
          detail: `Query param "after" must be a valid integer: ${JSON.stringify(text)}`,
        },
      ],
    })
  }
  return Number(text)
}
