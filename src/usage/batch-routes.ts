// Usage that a trusted reporter sends for many workspaces at once.
//
// The caller needs the right to update each workspace.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { isAllowed, roleHolderOf } from "../access/is-allowed.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, timeSchema, uuidSchema } from "../platform/http/wire.ts"
import { accessMethods, openMsMax, type AppSession } from "./app-sessions.ts"
import type { UsageFacts } from "./tracker/mark.ts"
import { usagePermission } from "./permission-statement.ts"
import { trackerOfShard, usageShardOf } from "./tracker/shards.ts"

export const usageBatchRoutes = createRouter()

const batchMax = 1_000

/** Unknown ids and those that the caller may not update are refused alike. */
const refusedNote = "Ids that are unknown, or that the caller may not update."
const answered = (item: string) =>
  jsonBody(
    z.object({
      accepted: z.int(),
      refused: z.array(z.uuid()).openapi({ description: refusedNote }),
    }),
    `How many were kept, and the ids of the ${item} that were not.`,
  )

usageBatchRoutes.openapi(
  createRoute({
    method: "post",
    path: "/workspaces/usage",
    tags: ["Workspaces"],
    summary: "Mark up to 1,000 workspaces as used",
    description: "Has the effect of a usage ping without a body for each. Safe to repeat.",
    request: {
      body: jsonRequest(z.object({ workspace_ids: z.array(uuidSchema).min(1).max(batchMax) })),
    },
    responses: { 200: answered("workspaces"), ...errors(400, 401, 429, 503) },
  }),
  async (c) => {
    const ids = [...new Set(c.req.valid("json").workspace_ids)]
    const seenAtMs = c.get("now").getTime()
    const permitted = await readPermitted(c, ids)
    const known = ids.filter((id) => permitted.has(id))
    await keep(
      c,
      known.map((workspaceId) => ({ workspaceId, seenAtMs, bump: null })),
      [],
    )
    return c.json({ accepted: known.length, refused: ids.filter((id) => !permitted.has(id)) }, 200)
  },
)

const sessionRequest = z.object({
  session_id: uuidSchema,
  user_id: uuidSchema,
  workspace_id: uuidSchema,
  agent_id: uuidSchema,
  access_method: z.enum(accessMethods),
  slug_or_port: z.string().min(1).max(64),
  session_started_at: timeSchema.max(64),
  session_ended_at: timeSchema.max(64).nullish(),
  requests: z.int().min(0).max(1_000_000_000),
})

usageBatchRoutes.openapi(
  createRoute({
    method: "post",
    path: "/workspaces/app-stats",
    tags: ["Workspaces"],
    summary: "Report sessions with workspaces' applications",
    description:
      "A session is reported when it begins and again when it ends. Short sessions are rolled up by the minute, long ones are stored one by one. Each marks its workspace as used; none moves a deadline. Also refuses an agent of another workspace, a session of another person unless the caller may read users, a session that began at least a day ago, and one that ends before it begins.",
    request: {
      body: jsonRequest(z.object({ stats: z.array(sessionRequest).min(1).max(batchMax) })),
    },
    responses: { 200: answered("sessions"), ...errors(400, 401, 429, 503) },
  }),
  async (c) => {
    const { stats } = c.req.valid("json")
    const nowMs = c.get("now").getTime()
    const permitted = await readPermitted(c, [...new Set(stats.map((stat) => stat.workspace_id))])
    const reporter = roleHolderOf(await c.get("caller").actor())
    const sessions: AppSession[] = []
    const refused: string[] = []
    for (const stat of stats) {
      const session = toSession(stat, nowMs)
      const isKnown = permitted.get(stat.workspace_id)?.agentIds.includes(stat.agent_id) === true
      const mayReport =
        stat.user_id === reporter.id || isAllowed(reporter, "read", "user", { id: stat.user_id })
      if (isKnown && mayReport && session !== null) sessions.push(session)
      else refused.push(stat.session_id)
    }
    await keep(c, [], sessions)
    return c.json({ accepted: sessions.length, refused }, 200)
  },
)

const zeroYear = /^0001-/

/**
 * Caps instants at now, because the reporter's clock may be ahead. Null if the session is
 * invalid.
 */
function toSession(stat: z.infer<typeof sessionRequest>, nowMs: number): AppSession | null {
  const startedAtMs = Math.min(Date.parse(stat.session_started_at), nowMs)
  const ended = stat.session_ended_at
  const isOpen = ended === null || ended === undefined || ended === "" || zeroYear.test(ended)
  const endedAtMs = isOpen ? null : Math.min(Date.parse(ended), nowMs)
  const isSound =
    nowMs - startedAtMs < openMsMax &&
    (endedAtMs === null || endedAtMs >= startedAtMs) &&
    !stat.slug_or_port.includes("\0")
  if (!isSound) return null
  return {
    sessionId: stat.session_id,
    userId: stat.user_id,
    workspaceId: stat.workspace_id,
    agentId: stat.agent_id,
    accessMethod: stat.access_method,
    slugOrPort: stat.slug_or_port,
    startedAtMs,
    endedAtMs,
    requests: stat.requests,
  }
}

async function readPermitted(
  c: Context<AppEnv>,
  workspaceIds: readonly string[],
): Promise<Map<string, UsageFacts>> {
  const rows = await c.get("caller").query(usagePermission(workspaceIds))
  return new Map(rows.filter((row) => row.can_update).map((row) => [row.id, row.facts]))
}

type BareMark = { workspaceId: string; seenAtMs: number; bump: null }

/**
 * Makes one call per shard. A shard that is full rejects the whole request, which may be
 * repeated.
 */
async function keep(
  c: Context<AppEnv>,
  marks: readonly BareMark[],
  sessions: readonly AppSession[],
): Promise<void> {
  const shards = new Set([...marks, ...sessions].map((one) => usageShardOf(one.workspaceId)))
  const isOf = (shard: number) => (one: { workspaceId: string }) =>
    usageShardOf(one.workspaceId) === shard
  const areKept = await Promise.all(
    [...shards].map((shard) =>
      trackerOfShard(c.env, shard).keep({
        marks: marks.filter(isOf(shard)),
        stats: [],
        sessions: sessions.filter(isOf(shard)),
        permit: null,
      }),
    ),
  )
  if (!areKept.every(Boolean))
    throw new ApiError(
      503,
      "Too many workspaces wait for the database. Please try again in a moment.",
    )
}
