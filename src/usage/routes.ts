// Usage pings: people's clients report that a workspace is in use.
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import { clientAddress, parseApiKey, presentedToken } from "../access/caller.ts"
import { sha256 } from "../platform/hash.ts"
import { toHex } from "../platform/db/values.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError, forbidden, notFound } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, uuidSchema } from "../platform/http/wire.ts"
import { bumpingMark, pingStat } from "./activity.ts"
import type { Permit, PermitKey } from "./tracker/mark.ts"
import { usagePermission } from "./permission-statement.ts"
import { readPingBody } from "./ping-body.ts"
import { trackerOf } from "./tracker/shards.ts"

export const usageRoutes = createRouter()

const pingRoute = createRoute({
  method: "post",
  path: "/workspaces/{workspace}/usage",
  tags: ["Workspaces"],
  summary: "Mark a workspace as used",
  description:
    "The body is optional. An agent_id with an app_name (vscode, jetbrains, reconnecting-pty or ssh) also counts a session and may extend the deadline.",
  request: { params: z.object({ workspace: uuidSchema }) },
  responses: { 204: { description: "Kept." }, ...errors(400, 401, 403, 404, 429, 503) },
})

/** Marks the workspace before it checks the body, because every call marks it. */
usageRoutes.openapi(pingRoute, async (c) => {
  const workspaceId = c.req.valid("param").workspace
  const key = await permitKey(c, workspaceId)
  const read = readPingBody(await c.req.text())
  const body = read.ok ? read.body : null
  const seenAtMs = c.get("now").getTime()
  const limit = await c.env.RATE_LIMIT_WRITE.limit({ key: `usage:${key.keyHash}:${workspaceId}` })
  if (!limit.success)
    throw new ApiError(429, "You've been rate limited for sending more than 600 requests in 1m0s.")

  const ip = clientAddress(c)
  const tracker = trackerOf(c.env, workspaceId)
  const answer = await tracker.ping({
    ...key,
    seenAtMs,
    ip,
    agentId: body?.agentId ?? null,
    app: body?.app ?? null,
  })
  if (answer === "unknown") {
    const [found] = await c.get("caller").query(usagePermission([workspaceId]))
    if (found === undefined) throw notFound()
    if (!found.can_update) throw forbidden()
    const { facts } = found
    const permit: Permit = { ...key, checkedAtMs: seenAtMs, ip, facts }
    const isKnownAgent = body !== null && facts.agentIds.includes(body.agentId)
    const isKept = await tracker.keep({
      marks: [
        isKnownAgent
          ? bumpingMark(workspaceId, facts, seenAtMs)
          : { workspaceId, seenAtMs, bump: null },
      ],
      stats: isKnownAgent ? [pingStat(workspaceId, body.agentId, facts, body.app, seenAtMs)] : [],
      permit,
    })
    if (!isKept)
      throw new ApiError(
        503,
        "Too many workspaces wait for the database. Please try again in a moment.",
      )
    if (body !== null && !isKnownAgent) throw notFound()
  }
  if (!read.ok) throw read.error
  return c.body(null, 204)
})

async function permitKey(c: Context<AppEnv>, workspaceId: string): Promise<PermitKey> {
  const key = parseApiKey(presentedToken(c))
  if (key instanceof ApiError) throw key
  return { keyId: key.id, keyHash: toHex(await sha256(key.secret)), workspaceId }
}
