// The agent's own side: its manifest and its reports. Each call is one round trip to the database.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { createRoute, z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { AppEnv } from "../../platform/http/env.ts"
import { ApiError, badRequest, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest } from "../../platform/http/wire.ts"
import { agentErrors, agentRoute, written } from "../own-side.ts"
import { activityOf, bumpingMark } from "../../usage/activity.ts"
import { trackerOf } from "../../usage/tracker/shards.ts"
import { touchAgent } from "../actor.ts"
import {
  boundMetadata,
  lifecycleRequest,
  lifecycleStates,
  metadataRequest,
  reportedAt,
  startupRequest,
  statsRequest,
  subsystems,
  type StatsRequest,
} from "./requests.ts"
import { manifestSchema, readManifest, toManifestView } from "./manifest.ts"
import {
  recordLifecycle,
  recordMetadata,
  recordStartup,
  statisticsContext,
  type StatisticsContext,
} from "./statements.ts"
import { isEmptyReport, toAgentStat } from "./stats.ts"
import { notifyAgentChanged, notifyMetadataChanged } from "../own-side.ts"

export const reportRoutes = createRouter()

const reportIntervalNs = 30_000_000_000
const stateNames = lifecycleStates.map((state) => `"${state}"`).join(", ")

const versionPattern =
  /^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

for (const path of ["/manifest", "/metadata"] as const) {
  reportRoutes.openapi(
    createRoute({
      ...agentRoute("get", path, "Read what the agent is to run"),
      responses: { 200: jsonBody(manifestSchema, "The manifest."), ...agentErrors },
    }),
    async (c) => {
      const [, [row]] = await c.get("agent").batch([touchAgent(c.get("now")), readManifest()])
      if (row === undefined) throw notFound()
      return c.json(toManifestView(row), 200)
    },
  )
}

reportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/startup", "Report the agent's version and directory"),
    request: { body: jsonRequest(startupRequest) },
    responses: { 200: written, ...agentErrors },
  }),
  async (c) => {
    const { version, expanded_directory, subsystems: named } = c.req.valid("json")
    if (version !== "" && !versionPattern.test(version)) {
      throw badRequest("Invalid workspace agent version provided.", {
        detail: `invalid semver version: ${JSON.stringify(version)}`,
      })
    }
    const unknown = named?.find((name) => !(subsystems as readonly string[]).includes(name))
    if (unknown !== undefined) {
      throw badRequest("Invalid workspace agent subsystem provided.", {
        detail: `invalid subsystem: ${JSON.stringify(unknown)}`,
      })
    }
    const now = c.get("now")
    const report = {
      version,
      expandedDirectory: withoutNul(expanded_directory),
      subsystems: [...new Set(named)].toSorted(),
    }
    await c.get("agent").batch([touchAgent(now), recordStartup(report, now)])
    return c.json(null, 200)
  },
)

reportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/report-stats", "Report connections and traffic"),
    description:
      "An empty report only reads the interval. Session counts come from usage pings, not from here.",
    request: { body: jsonRequest(statsRequest) },
    responses: {
      200: jsonBody(
        z.object({ report_interval: z.int().openapi({ description: "nanoseconds" }) }),
        "How often.",
      ),
      ...agentErrors,
    },
  }),
  async (c) => {
    const report = c.req.valid("json")
    const now = c.get("now")
    if (isEmptyReport(report)) {
      await c.get("agent").batch([touchAgent(now)])
      return c.json({ report_interval: reportIntervalNs }, 200)
    }
    const [, [context]] = await c.get("agent").batch([touchAgent(now), statisticsContext()])
    if (context === undefined) throw notFound()
    await keepStatistics(c, report, context)
    return c.json({ report_interval: reportIntervalNs }, 200)
  },
)

/** Throws a 503 if the tracker is full: the agent reports again. */
async function keepStatistics(
  c: Context<AppEnv>,
  report: StatsRequest,
  { workspace_id, agent_id, facts }: StatisticsContext,
): Promise<void> {
  const now = c.get("now")
  const activity = activityOf({
    isUsage: false,
    connectionCount: report.connection_count,
    sessionCount: 0,
    isPrebuild: facts.isPrebuild,
  })
  const isKept = await trackerOf(c.env, workspace_id).keep({
    marks: activity.marksUsed ? [bumpingMark(workspace_id, facts, now.getTime())] : [],
    stats: [toAgentStat(report, { workspaceId: workspace_id, agentId: agent_id, facts }, now)],
    permit: null,
  })
  if (!isKept) {
    const message = "Too many workspaces wait for the database. Please try again in a moment."
    throw new ApiError(503, message)
  }
  if (activity.publishes) notifyAgentChanged(c, workspace_id)
}

reportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/report-lifecycle", "Report where the agent is in its life"),
    request: { body: jsonRequest(lifecycleRequest) },
    responses: { 204: { description: "Written." }, ...agentErrors },
  }),
  async (c) => {
    const body = c.req.valid("json")
    const state = lifecycleStates.find((known) => known === body.state)
    if (state === undefined) {
      throw badRequest("Invalid lifecycle state.", {
        detail: `Invalid lifecycle state "${body.state}", must be one of ${stateNames}.`,
      })
    }
    const now = c.get("now")
    const changedAt = reportedAt(body.changed_at ?? now, now)
    await c.get("agent").batch([touchAgent(now), recordLifecycle(state, changedAt, now)])
    notifyAgentChanged(c, (await c.get("agent").actor()).workspace_id)
    return c.body(null, 204)
  },
)

reportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/metadata", "Report values of metadata"),
    request: { body: jsonRequest(metadataRequest) },
    responses: { 204: { description: "Written." }, ...agentErrors },
  }),
  async (c) => {
    await writeMetadata(c, c.req.valid("json").metadata)
    return c.body(null, 204)
  },
)

// Older agents report one key at a time.
reportRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/metadata/{key}", "Report one value of metadata"),
    request: {
      params: z.object({ key: z.string().max(256) }),
      body: jsonRequest(z.object({ value: z.string().default(""), error: z.string().default("") })),
    },
    responses: { 204: { description: "Written." }, ...agentErrors },
  }),
  async (c) => {
    await writeMetadata(c, [{ ...c.req.valid("json"), key: c.req.valid("param").key }])
    return c.body(null, 204)
  },
)

async function writeMetadata(
  c: Context<AppEnv>,
  results: readonly { key: string; value: string; error: string }[],
): Promise<void> {
  const now = c.get("now")
  const [, changed] = await c
    .get("agent")
    .batch([touchAgent(now), recordMetadata(results.map(boundMetadata), now)])
  if (changed.length > 0) notifyMetadataChanged(c, await c.get("agent").actor())
}

// Current agents of the reference speak RPC over a WebSocket. This server serves REST.
reportRoutes.openapi(
  createRoute({
    ...agentRoute("get", "/rpc", "Refused: this server speaks REST to agents"),
    responses: { ...errors(400) },
  }),
  () => {
    throw badRequest("Unknown or unsupported API version")
  },
)
