// The manifest of an agent: its scripts, apps, metadata and environment.
import { z } from "@hono/zod-openapi"
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../../platform/db/client.ts"
import { nilUuid } from "../../platform/http/wire.ts"
import { actorAgentId } from "../actor.ts"
import { metadataDescriptionSchema, type MetadataDescription } from "./view.ts"
import { appsJson, scriptsJson, type AppJson, type ScriptJson } from "../views/resources-json.ts"
import { appSchema, scriptSchema } from "../views/schemas.ts"
import { toAppView, toScriptView } from "../views/view.ts"

export const manifestSchema = z
  .object({
    agent_id: z.uuid(),
    agent_name: z.string(),
    parent_id: z.string(),
    owner_name: z.string(),
    workspace_id: z.uuid(),
    workspace_name: z.string(),
    git_auth_configs: z.int(),
    vscode_port_proxy_uri: z.string(),
    apps: z.array(appSchema),
    derpmap: z.null(),
    derp_force_websockets: z.boolean(),
    environment_variables: z.record(z.string(), z.string()),
    directory: z.string(),
    motd_file: z.string(),
    disable_direct_connections: z.boolean(),
    metadata: z.array(metadataDescriptionSchema),
    scripts: z.array(scriptSchema),
    devcontainers: z.array(z.unknown()),
  })
  .openapi("AgentManifest")

type ManifestRow = {
  agent_id: string
  agent_name: string
  parent_id: string | null
  owner_name: string
  workspace_id: string
  workspace_name: string
  environment_variables: Record<string, string> | null
  directory: string
  motd_file: string
  apps: AppJson[] | null
  scripts: ScriptJson[] | null
  metadata: MetadataDescription[]
}

export function readManifest(): Statement<ManifestRow> {
  return statement(
    "agents.manifest",
    sql`
    select a.id as agent_id, a.name as agent_name, a.parent_id, w.owner_name, w.id as workspace_id,
      w.name as workspace_name, a.environment_variables, a.directory, a.motd_file,
      ${appsJson(sql`a.id`)} as apps, ${scriptsJson(sql`a.id`)} as scripts,
      (select coalesce(json_agg(json_build_object('display_name', m.display_name, 'key', m.key,
          'script', m.script, 'interval', m.interval_seconds, 'timeout', m.timeout_seconds)
          order by m.display_order, m.key), '[]')
        from workspace_agent_metadata m where m.agent_id = a.id) as metadata
    from workspace_agents a join workspaces w on w.id = a.workspace_id
    where a.id = ${actorAgentId}`,
  )
}

export function toManifestView(row: ManifestRow): z.infer<typeof manifestSchema> {
  return {
    agent_id: row.agent_id,
    agent_name: row.agent_name,
    parent_id: row.parent_id ?? nilUuid,
    owner_name: row.owner_name,
    workspace_id: row.workspace_id,
    workspace_name: row.workspace_name,
    git_auth_configs: 0,
    vscode_port_proxy_uri: "",
    apps: (row.apps ?? []).map(toAppView),
    derpmap: null,
    derp_force_websockets: false,
    environment_variables: row.environment_variables ?? {},
    directory: row.directory,
    motd_file: row.motd_file,
    disable_direct_connections: true,
    metadata: row.metadata,
    scripts: (row.scripts ?? []).map(toScriptView),
    devcontainers: [],
  }
}
