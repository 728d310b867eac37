// External workspaces: the credentials of an agent that runs elsewhere, and its set-up script.
import { createRoute, z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { may, type ResourceColumns } from "../../access/may.ts"
import { agentTokenSubject, decryptToken } from "../../access/token-cipher.ts"
import { statement, type Statement } from "../../platform/db/client.ts"
import { ApiError, forbidden, notFound } from "../../platform/http/errors.ts"
import { createRouter } from "../../platform/http/router.ts"
import { errors, jsonBody, uuidSchema } from "../../platform/http/wire.ts"
import { initCommand, initScript } from "./init-script.ts"

export const externalAgentRoutes = createRouter()

type CredentialsRow = {
  may_connect: boolean
  has_external_agent: boolean | null
  agent_id: string | null
  encrypted_token: string | null
  auth_instance_id: string | null
  operating_system: string | null
  architecture: string | null
}

/**
 * Finds an agent of the latest build by its exact name, sub agents included. Its columns are null
 * if it does not exist.
 */
function externalAgent(workspaceId: string, name: string): Statement<CredentialsRow> {
  const columns: ResourceColumns = {
    id: sql`w.id`,
    owner: sql`w.owner_id`,
    organization: sql`w.organization_id`,
  }
  return statement(
    "agents.external",
    sql`
    select ${may("ssh", "workspace", columns)} as may_connect, b.has_external_agent,
      a.id as agent_id, a.encrypted_token, a.auth_instance_id, a.operating_system, a.architecture
    from workspaces w
    left join workspace_builds b on b.id = w.latest_build_id
    left join workspace_agents a on a.build_id = b.id and not a.deleted and a.name = ${name}
    where w.id = ${workspaceId}::uuid and not w.deleted and ${may("read", "workspace", columns)}`,
  )
}

externalAgentRoutes.openapi(
  createRoute({
    method: "get",
    path: "/workspaces/{workspace}/external-agent/{agent}/credentials",
    tags: ["Agents"],
    summary: "Read an external agent's token and the command that starts it",
    description:
      "Needs the permission to connect to the workspace: with the token one acts as its agent.",
    request: { params: z.object({ workspace: uuidSchema, agent: z.string().max(64) }) },
    responses: {
      200: jsonBody(z.object({ command: z.string(), agent_token: z.string() }), "The credentials."),
      ...errors(400, 401, 403, 404, 503),
    },
  }),
  async (c) => {
    const { workspace, agent } = c.req.valid("param")
    const [row] = await c.get("caller").query(externalAgent(workspace, agent))
    if (row === undefined) throw notFound()
    if (!row.may_connect) throw forbidden()
    if (row.has_external_agent !== true)
      throw new ApiError(404, "Workspace does not have an external agent.")
    if (row.agent_id === null)
      throw new ApiError(404, `External agent '${agent}' not found in workspace.`)
    if (row.auth_instance_id !== null) {
      throw new ApiError(404, "External agent is authenticated with an instance ID.")
    }
    const token =
      row.encrypted_token === null
        ? null
        : await decryptToken(
            c.env.TOKEN_KEYS,
            agentTokenSubject(workspace, agent),
            row.encrypted_token,
          )
    if (token === null) throw new ApiError(404, `External agent '${agent}' not found in workspace.`)
    const { operating_system, architecture } = row
    const command = initCommand(operating_system ?? "", architecture ?? "", c.env.ACCESS_URL, token)
    return c.json({ command, agent_token: token }, 200)
  },
)

externalAgentRoutes.openapi(
  createRoute({
    method: "get",
    path: "/init-script/{os}/{arch}",
    tags: ["Agents"],
    summary: "Read the script that sets up the agent",
    description: "Needs no credential and contains none.",
    request: { params: z.object({ os: z.string().max(32), arch: z.string().max(32) }) },
    responses: {
      200: { description: "The script.", content: { "text/plain": { schema: z.string() } } },
      ...errors(400),
    },
  }),
  async (c) => {
    const { os, arch } = c.req.valid("param")
    const script = initScript(os, arch, c.env.ACCESS_URL)
    if (script === null)
      throw new ApiError(400, `Unknown os/arch: ${os.toLowerCase()}/${arch.toLowerCase()}`)
    return c.text(script, 200, { "Content-Digest": `sha256:${await digestOf(script)}` })
  },
)

/** The hexadecimal form of the base64 text of the SHA-256, as the reference writes it. */
async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))
  const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)))
  return [...new TextEncoder().encode(base64)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
}
