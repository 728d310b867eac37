// Sub agents run in dev containers of the workspace. Their parent makes, lists and deletes them.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { createRoute, z } from "@hono/zod-openapi"
import { sha256 } from "../../platform/hash.ts"
import { publishBuildChange } from "../../platform/durable/publish.ts"
import {
  badRequest,
  conflict,
  notFound,
  validationFailed,
  type ApiError,
} from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, jsonRequest, nilUuid, uuidSchema } from "../../platform/http/wire.ts"
import { touchAgent } from "../actor.ts"
import { agentErrors, agentRoute } from "../own-side.ts"
import { agentNamePattern, subAgentRequest, toSubAgentApps } from "./requests.ts"
import {
  deleteSubAgent,
  insertSubAgent,
  listSubAgents,
  readParent,
  subAgentCountMax,
  updateSubAgent,
  type NewSubAgent,
} from "./statements.ts"
import { notifyAgentChanged } from "../own-side.ts"

export const subAgentRoutes = createRouter()

const subAgentSchema = z.object({ id: z.uuid(), name: z.string() }).openapi("SubAgent")
const createdSchema = z
  .object({
    agent: z.object({ id: z.uuid(), name: z.string(), auth_token: z.uuid() }),
    app_creation_errors: z.array(
      z.object({ index: z.int(), field: z.string().optional(), error: z.string() }),
    ),
  })
  .openapi("CreatedSubAgent")

subAgentRoutes.openapi(
  createRoute({
    ...agentRoute("post", "/sub-agents", "Make a sub agent"),
    description: [
      "The answer holds its token, which is shown only once.",
      "With the `id` of a sub agent that the build made, updates it and gives it a new token.",
      "Apps that cannot be made are listed; the others are made.",
    ].join(" "),
    request: { body: jsonRequest(subAgentRequest) },
    responses: {
      201: jsonBody(createdSchema, "The sub agent."),
      ...agentErrors,
      ...errors(404, 409),
    },
  }),
  async (c) => {
    const body = c.req.valid("json")
    const now = c.get("now")
    const updatedId = body.id === nilUuid ? null : (body.id ?? null)
    if (updatedId === null) requireName(body.name)
    const token = crypto.randomUUID()
    const apps = updatedId === null ? await toSubAgentApps(body.apps ?? [], body.name) : noApps
    const agent = await toNewSubAgent(body, updatedId ?? crypto.randomUUID(), token, apps.rows)
    const write = updatedId === null ? insertSubAgent(agent, now) : updateSubAgent(agent, now)
    const [, [parent], [made]] = await c.get("agent").batch([touchAgent(now), readParent(), write])
    if (parent === undefined) throw notFound()
    if (parent.is_sub_agent) throw badRequest("A sub agent has no sub agents of its own.")
    if (made === undefined) throw notMade(parent.child_count, body.name, updatedId)
    notifyAgentChanged(c, (await c.get("agent").actor()).workspace_id)
    return c.json({ agent: { ...made, auth_token: token }, app_creation_errors: apps.errors }, 201)
  },
)

const noApps = { rows: [], errors: [] }

function requireName(name: string): void {
  if (agentNamePattern.test(name)) return
  const detail = `must match ${agentNamePattern.source}, ignoring case`
  throw validationFailed([{ field: "name", detail }])
}

async function toNewSubAgent(
  body: z.infer<typeof subAgentRequest>,
  id: string,
  token: string,
  apps: object[],
): Promise<NewSubAgent> {
  return {
    id,
    name: body.name,
    directory: withoutNul(body.directory),
    architecture: withoutNul(body.architecture),
    operatingSystem: withoutNul(body.operating_system),
    displayApps: [...new Set(body.display_apps)],
    hashedToken: await sha256(token),
    apps,
  }
}

function notMade(childCount: number, name: string, updatedId: string | null): ApiError {
  if (updatedId !== null) return notFound()
  if (childCount >= subAgentCountMax)
    return conflict(`An agent has at most ${subAgentCountMax} sub agents.`)
  return conflict(`An agent named ${JSON.stringify(name)} already exists in the workspace.`)
}

subAgentRoutes.openapi(
  createRoute({
    ...agentRoute("get", "/sub-agents", "List the sub agents"),
    responses: {
      200: jsonBody(
        z.object({ agents: z.array(subAgentSchema) }),
        "The sub agents that are not deleted, by name.",
      ),
      ...agentErrors,
    },
  }),
  async (c) => {
    const [, agents] = await c.get("agent").batch([touchAgent(c.get("now")), listSubAgents()])
    return c.json({ agents }, 200)
  },
)

subAgentRoutes.openapi(
  createRoute({
    ...agentRoute("delete", "/sub-agents/{agent}", "Delete a sub agent"),
    request: { params: z.object({ agent: uuidSchema }) },
    responses: {
      204: { description: "Deleted. Its token is no longer valid." },
      ...agentErrors,
      ...errors(404),
    },
  }),
  async (c) => {
    const now = c.get("now")
    const [, [row]] = await c
      .get("agent")
      .batch([touchAgent(now), deleteSubAgent(c.req.valid("param").agent, now)])
    if (row === undefined) throw notFound()
    notifyAgentChanged(c, row.workspace_id)
    // The hub closes its socket, as it does for agents of an earlier build.
    c.executionCtx.waitUntil(publishBuildChange(c.env, row.workspace_id))
    return c.body(null, 204)
  },
)
