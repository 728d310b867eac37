// The deployment's state at a glance, from the last roll-up.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { may } from "../access/may.ts"
import { statement } from "../platform/db/client.ts"
import { badRequest, forbidden } from "../platform/http/errors.ts"
import { createRouter } from "../platform/http/router.ts"
import { errors, jsonBody, timeSchema, wireTime } from "../platform/http/wire.ts"
import { deploymentRefreshMs, readDeployment } from "./rollups/deployment.ts"

const count = z.int()

const deploymentStats = createRoute({
  method: "get",
  path: "/deployment/stats",
  tags: ["Insights"],
  summary: "Workspaces by state, sessions and traffic",
  responses: {
    200: jsonBody(
      z
        .object({
          aggregated_from: timeSchema,
          collected_at: timeSchema,
          next_update_at: timeSchema,
          workspaces: z.object({
            pending: count,
            building: count,
            running: count,
            failed: count,
            stopped: count,
            connection_latency_ms: z.object({ P50: z.number(), P95: z.number() }),
            rx_bytes: count,
            tx_bytes: count,
          }),
          session_count: z.object({
            vscode: count,
            ssh: count,
            jetbrains: count,
            reconnecting_pty: count,
          }),
        })
        .openapi("DeploymentStats"),
      "As of the last roll-up.",
    ),
    ...errors(400, 401, 403),
  },
})

const readAllowed = statement<{ allowed: boolean }>(
  "insights.may-read-deployment",
  sql`select ${may("read", "deployment_stats")} as allowed`,
)

export const deploymentStatsRoutes = createRouter().openapi(deploymentStats, async (c) => {
  const [[reader], [row]] = await c.get("caller").batch([readAllowed, readDeployment()])
  if (!reader?.allowed) throw forbidden()
  if (!row) throw badRequest("Deployment stats are still processing!")
  const { document } = row
  return c.json(
    {
      aggregated_from: wireTime(new Date(document.aggregated_from_ms)),
      collected_at: wireTime(row.through_at),
      next_update_at: wireTime(new Date(row.through_at.getTime() + deploymentRefreshMs)),
      workspaces: {
        ...document.workspaces,
        connection_latency_ms: document.latency_ms,
        rx_bytes: document.rx_bytes,
        tx_bytes: document.tx_bytes,
      },
      session_count: document.session_count,
    },
    200,
  )
})
