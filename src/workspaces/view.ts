// A workspace as clients see it: the columns that one statement reads, and the shape on the wire.
import { prebuildsUserId } from "../platform/db/prebuilds-user.ts"
import { z } from "@hono/zod-openapi"
import { type SQL, sql } from "drizzle-orm"
import type { MetadataRow } from "../agents/reports/statements.ts"
import { toMetadataView } from "../agents/reports/view.ts"
import { type AppStatusJson, appStatusJson } from "../agents/views/resources-json.ts"
import { appStatusSchema } from "../agents/views/schemas.ts"
import { toAppStatusView } from "../agents/views/view.ts"
import {
  type BuildJson,
  buildJson,
  buildSchema,
  type BuildView,
  toBuildView,
} from "../builds/view.ts"
import { texts } from "../platform/db/sql.ts"
import { parseInstant } from "../platform/db/values.ts"
import { ttlInForceMs } from "../schedule/ttl.ts"
import { timeSchema, wireTime, wireTimeOrNull, zeroTime } from "../platform/http/wire.ts"

export type WorkspaceRow = {
  id: string
  created_at: Date
  updated_at: Date
  owner_id: string
  owner_username: string
  owner_avatar_url: string
  organization_id: string
  organization_name: string
  template_id: string
  template_name: string
  template_display_name: string
  template_icon: string
  template_active_version_id: string
  template_allow_user_cancel_workspace_jobs: boolean
  template_require_active_version: boolean
  template_use_classic_parameter_flow: boolean
  template_allow_user_autostop: boolean
  template_default_ttl_ms: number
  name: string
  autostart_schedule: string | null
  ttl_ms: number | null
  last_used_at: Date | null
  deleting_at: Date | null
  dormant_at: Date | null
  next_start_at: Date | null
  automatic_updates: "always" | "never"
  favorite: boolean
  deleted: boolean
  latest_build: BuildJson
  latest_app_status: AppStatusJson | null
  /** By agent, the items that the list's search includes. */
  agent_metadata?: Record<string, AgentMetadataJson[]> | null
}

type AgentMetadataJson = Omit<MetadataRow, "collected_at"> & { collected_at: string | null }

/**
 * The columns of a `WorkspaceRow` of `workspaces_expanded whole`.
 *
 * The latest build with its resources and agents is one JSON document. The documents use other
 * aliases than `whole`.
 */
export function workspaceColumns(now: Date): SQL {
  return sql`whole.id, whole.created_at, whole.updated_at, whole.owner_id, whole.owner_username,
    whole.owner_avatar_url, whole.organization_id, whole.organization_name, whole.template_id,
    whole.template_name, whole.template_display_name, whole.template_icon,
    whole.template_active_version_id, whole.template_allow_user_cancel_workspace_jobs,
    whole.template_require_active_version, whole.template_use_classic_parameter_flow,
    whole.template_allow_user_autostop, whole.template_default_ttl_ms, whole.name,
    whole.autostart_schedule, whole.ttl_ms, whole.last_used_at, whole.deleting_at,
    whole.dormant_at, whole.next_start_at, whole.automatic_updates, whole.favorite, whole.deleted,
    ${buildJson(sql`whole.latest_build_id`, now)} as latest_build,
    (select ${appStatusJson("s")} from workspace_app_statuses s where s.workspace_id = whole.id
      order by s.created_at desc limit 1) as latest_app_status`
}

/**
 * The `agent_metadata` of a `WorkspaceRow`: the items of the latest build with these lower-case
 * keys.
 */
export function agentMetadataColumn(keys: readonly string[]): SQL {
  return sql`(select json_object_agg(g.id, d.items) from workspace_agents g, lateral (
      select json_agg(json_build_object('key', d.key, 'display_name', d.display_name,
        'script', d.script, 'interval_seconds', d.interval_seconds,
        'timeout_seconds', d.timeout_seconds, 'value', d.value, 'error', d.error,
        'collected_at', d.collected_at) order by d.display_order, d.key) as items
      from workspace_agent_metadata d
      where d.agent_id = g.id and lower(d.key) = any(${texts(keys)})) d
    where g.build_id = whole.latest_build_id and not g.deleted) as agent_metadata`
}

export const workspaceSchema = z
  .object({
    id: z.uuid(),
    created_at: timeSchema,
    updated_at: timeSchema,
    owner_id: z.uuid(),
    owner_name: z.string(),
    owner_avatar_url: z.string(),
    organization_id: z.uuid(),
    organization_name: z.string(),
    template_id: z.uuid(),
    template_name: z.string(),
    template_display_name: z.string(),
    template_icon: z.string(),
    template_allow_user_cancel_workspace_jobs: z.boolean(),
    template_active_version_id: z.uuid(),
    template_require_active_version: z.boolean(),
    template_use_classic_parameter_flow: z.boolean(),
    latest_build: buildSchema,
    latest_app_status: appStatusSchema.nullable(),
    outdated: z.boolean(),
    name: z.string().openapi({ example: "my-workspace" }),
    autostart_schedule: z
      .string()
      .optional()
      .openapi({ example: "CRON_TZ=Europe/Berlin 30 9 * * 1-5" }),
    ttl_ms: z.int().optional().openapi({ example: 28_800_000 }),
    last_used_at: timeSchema,
    deleting_at: timeSchema.nullable(),
    dormant_at: timeSchema.nullable(),
    next_start_at: timeSchema.nullable(),
    health: z.object({ healthy: z.boolean(), failing_agents: z.array(z.uuid()) }),
    automatic_updates: z.enum(["always", "never"]),
    allow_renames: z.boolean(),
    favorite: z.boolean(),
    is_prebuild: z.boolean(),
    task_id: z.uuid().nullable(),
  })
  .openapi("Workspace")

export type WorkspaceView = z.infer<typeof workspaceSchema>

/** The user who reads, and what the deployment allows. */
export type Viewer = { userId: string; allowRenames: boolean }

/** Whether workspaces may be renamed: a flag of the deployment, off by default. */
export function allowRenames(env: { ALLOW_RENAMES: string }): boolean {
  return env.ALLOW_RENAMES === "true"
}

/** A workspace for its viewer. Only the owner sees a favourite as such. */
export function toWorkspaceView(row: WorkspaceRow, viewer: Viewer, now: Date): WorkspaceView {
  const latestBuild = toBuildView(row.latest_build)
  if (row.agent_metadata) includeMetadata(latestBuild, row.agent_metadata, now)
  const failingAgents = latestBuild.resources
    .flatMap((resource) => resource.agents ?? [])
    .filter((agent) => agent.parent_id === null && !agent.health.healthy)
    .map((agent) => agent.id)
  const ttlMs = ttlInForceMs(
    { ttlMs: row.ttl_ms },
    {
      allowUserAutostop: row.template_allow_user_autostop,
      defaultTtlMs: row.template_default_ttl_ms,
    },
  )
  return {
    id: row.id,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    owner_id: row.owner_id,
    owner_name: row.owner_username,
    owner_avatar_url: row.owner_avatar_url,
    organization_id: row.organization_id,
    organization_name: row.organization_name,
    template_id: row.template_id,
    template_name: row.template_name,
    template_display_name: row.template_display_name,
    template_icon: row.template_icon,
    template_allow_user_cancel_workspace_jobs: row.template_allow_user_cancel_workspace_jobs,
    template_active_version_id: row.template_active_version_id,
    template_require_active_version: row.template_require_active_version,
    template_use_classic_parameter_flow: row.template_use_classic_parameter_flow,
    latest_build: latestBuild,
    latest_app_status: row.latest_app_status && toAppStatusView(row.latest_app_status),
    outdated: latestBuild.template_version_id !== row.template_active_version_id,
    name: row.name,
    ...(row.autostart_schedule !== null && { autostart_schedule: row.autostart_schedule }),
    ...(ttlMs !== null && { ttl_ms: ttlMs }),
    last_used_at: row.last_used_at === null ? zeroTime : wireTime(row.last_used_at),
    deleting_at: wireTimeOrNull(row.deleting_at),
    dormant_at: wireTimeOrNull(row.dormant_at),
    next_start_at: wireTimeOrNull(row.next_start_at),
    health: { healthy: failingAgents.length === 0, failing_agents: failingAgents },
    automatic_updates: row.automatic_updates,
    allow_renames: viewer.allowRenames,
    favorite: row.favorite && row.owner_id === viewer.userId,
    is_prebuild: row.owner_id === prebuildsUserId,
    task_id: null,
  }
}

function includeMetadata(
  build: BuildView,
  items: Record<string, AgentMetadataJson[] | null>,
  now: Date,
): void {
  for (const agent of build.resources.flatMap((resource) => resource.agents ?? [])) {
    agent.metadata = (items[agent.id] ?? []).map((item) => {
      const collected_at = item.collected_at === null ? null : parseInstant(item.collected_at)
      return toMetadataView({ ...item, collected_at }, now)
    })
  }
}
