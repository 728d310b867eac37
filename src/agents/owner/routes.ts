// What an agent may have of its owner: the SSH key for git.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { ensureGitKey, type GitKeyRow } from "../../access/git-key.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { ApiError, badRequest, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody } from "../../platform/http/wire.ts"
import { actorAgentId, touchAgent } from "../actor.ts"
import { agentErrors, agentRoute } from "../own-side.ts"

export const ownerRoutes = createRouter()

type KeyScope = { api_key_scope: string; owner_id: string; git_key_id: string | null }

function readKeyScope(): Statement<KeyScope & GitKeyRow> {
  return statement(
    "agents.key-scope",
    sql`
    select a.api_key_scope, w.owner_id, k.user_id as git_key_id, k.*
    from workspace_agents a join workspaces w on w.id = a.workspace_id
    left join user_git_keys k on k.user_id = w.owner_id
    where a.id = ${actorAgentId}`,
  )
}

ownerRoutes.openapi(
  createRoute({
    ...agentRoute("get", "/gitsshkey", "Read the owner's SSH key for git"),
    responses: {
      200: jsonBody(z.object({ public_key: z.string(), private_key: z.string() }), "The pair."),
      ...agentErrors,
      ...errors(403),
    },
  }),
  async (c) => {
    const agent = c.get("agent")
    const [, [row]] = await agent.batch([touchAgent(c.get("now")), readKeyScope()])
    if (row === undefined) throw notFound()
    if (row.api_key_scope === "no_user_data") throw forbidden()
    const known = row.git_key_id === null ? undefined : row
    const { TOKEN_KEYS } = c.env
    const { pair } = await ensureGitKey(agent, TOKEN_KEYS, row.owner_id, known, c.get("now"))
    return c.json({ public_key: pair.publicKey, private_key: pair.privateKey }, 200)
  },
)

ownerRoutes.openapi(
  createRoute({
    ...agentRoute("get", "/external-auth", "Ask for a credential of another service"),
    description: "This server holds none. Git takes the 404 as a reason to ask the person.",
    request: {
      query: z.object({
        id: z.string().max(256).optional(),
        match: z.string().max(2_048).optional(),
        listen: z.string().max(16).optional(),
      }),
    },
    responses: { ...agentErrors, ...errors(404) },
  }),
  async (c) => {
    const { id = "", match = "" } = c.req.valid("query")
    await c.get("agent").actor()
    if (id === "" && match === "")
      throw badRequest("'id' or 'match' query parameter must be provided.")
    if (id !== "" && match !== "")
      throw badRequest("'id' and 'match' query parameters cannot be provided together.")
    throw new ApiError(404, "No matching external auth provider is configured.", {
      detail: `Nothing matches ${JSON.stringify(match || id)}.`,
    })
  },
)
