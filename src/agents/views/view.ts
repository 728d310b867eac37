// Resources, agents and apps as clients see them, from the JSON of `resources-json.ts`.
import { z } from "@hono/zod-openapi"
import { parseInstant } from "../../platform/db/values.ts"
import { timeSchema, wireTime } from "../../platform/http/wire.ts"
import { lifecycleStates } from "../reports/requests.ts"
import { agentConnection, agentHealth } from "../hub/connection-status.ts"
import { metadataSchema } from "../reports/view.ts"
import type {
  AgentJson,
  AppJson,
  AppStatusJson,
  LogSourceJson,
  ResourceJson,
  ScriptJson,
} from "./resources-json.ts"

export const appStatusSchema = z
  .object({
    id: z.uuid(),
    created_at: timeSchema,
    workspace_id: z.uuid(),
    agent_id: z.uuid(),
    app_id: z.uuid(),
    state: z.enum(["working", "idle", "complete", "failure"]),
    message: z.string(),
    uri: z.string(),
    icon: z.string(),
    needs_user_attention: z.boolean(),
  })
  .openapi("WorkspaceAppStatus")

export const appSchema = z
  .object({
    id: z.uuid(),
    url: z.string().optional(),
    external: z.boolean(),
    slug: z.string(),
    display_name: z.string().optional(),
    command: z.string().optional(),
    icon: z.string().optional(),
    subdomain: z.boolean(),
    subdomain_name: z.string().optional(),
    sharing_level: z.enum(["owner", "authenticated", "organization", "public"]),
    healthcheck: z.object({ url: z.string(), interval: z.int(), threshold: z.int() }),
    health: z.enum(["disabled", "initializing", "healthy", "unhealthy"]),
    group: z.string().optional(),
    hidden: z.boolean(),
    open_in: z.enum(["slim-window", "tab"]),
    tooltip: z.string().optional(),
    statuses: z.array(appStatusSchema),
  })
  .openapi("WorkspaceApp")

export const scriptSchema = z
  .object({
    id: z.uuid(),
    log_source_id: z.uuid(),
    log_path: z.string(),
    script: z.string(),
    cron: z.string(),
    run_on_start: z.boolean(),
    run_on_stop: z.boolean(),
    start_blocks_login: z.boolean(),
    timeout: z.int().openapi({ description: "nanoseconds" }),
    display_name: z.string(),
    exit_code: z.int().optional(),
    status: z.enum(["ok", "exit_failure", "timed_out", "pipes_left_open"]).optional(),
  })
  .openapi("WorkspaceAgentScript")

export const logSourceSchema = z
  .object({
    workspace_agent_id: z.uuid(),
    id: z.uuid(),
    created_at: timeSchema,
    display_name: z.string(),
    icon: z.string(),
  })
  .openapi("WorkspaceAgentLogSource")

export const agentSchema = z
  .object({
    id: z.uuid(),
    parent_id: z.uuid().nullable(),
    created_at: timeSchema,
    updated_at: timeSchema,
    first_connected_at: timeSchema.optional(),
    last_connected_at: timeSchema.optional(),
    disconnected_at: timeSchema.optional(),
    started_at: timeSchema.optional(),
    ready_at: timeSchema.optional(),
    status: z.enum(["connecting", "connected", "disconnected", "timeout"]),
    lifecycle_state: z.enum(lifecycleStates),
    name: z.string(),
    resource_id: z.uuid(),
    instance_id: z.string().optional(),
    architecture: z.string(),
    environment_variables: z.record(z.string(), z.string()).nullable(),
    operating_system: z.string(),
    logs_length: z.int(),
    logs_overflowed: z.boolean(),
    directory: z.string().optional(),
    expanded_directory: z.string().optional(),
    version: z.string(),
    api_version: z.string(),
    apps: z.array(appSchema),
    connection_timeout_seconds: z.int(),
    troubleshooting_url: z.string(),
    subsystems: z.array(z.string()),
    health: z.object({ healthy: z.boolean(), reason: z.string().optional() }),
    display_apps: z.array(z.string()),
    log_sources: z.array(logSourceSchema),
    scripts: z.array(scriptSchema),
    startup_script_behavior: z.enum(["blocking", "non-blocking"]),
    metadata: z
      .array(metadataSchema)
      .optional()
      .openapi({ description: "The items that a list was asked to include." }),
  })
  .openapi("WorkspaceAgent")

export const resourceSchema = z
  .object({
    id: z.uuid(),
    created_at: timeSchema,
    job_id: z.uuid(),
    workspace_transition: z.enum(["start", "stop", "delete"]),
    type: z.string(),
    name: z.string(),
    hide: z.boolean(),
    icon: z.string(),
    agents: z.array(agentSchema).optional(),
    metadata: z
      .array(z.object({ key: z.string(), value: z.string(), sensitive: z.boolean() }))
      .optional(),
    daily_cost: z.int(),
  })
  .openapi("WorkspaceResource")

type AppStatusView = z.infer<typeof appStatusSchema>
type AppView = z.infer<typeof appSchema>
type AgentView = z.infer<typeof agentSchema>
type ResourceView = z.infer<typeof resourceSchema>

const instant = (text: string) => wireTime(parseInstant(text))
const instantOrNull = (text: string | null) => (text === null ? null : parseInstant(text))

/** Sorts by the least display order of a resource's agents, then by name. */
export function toResourceViews(resources: readonly ResourceJson[], now: Date): ResourceView[] {
  const order = (resource: ResourceJson) =>
    Math.min(...(resource.agents ?? []).map((agent) => agent.display_order), 2 ** 31)
  return resources
    .toSorted((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : Number(a.name > b.name)))
    .map((resource) => toResourceView(resource, now))
}

function toResourceView(resource: ResourceJson, now: Date): ResourceView {
  const { agents, metadata, created_at, ...rest } = resource
  return {
    ...rest,
    created_at: instant(created_at),
    ...(agents && { agents: agents.map((agent) => toAgentView(agent, now)) }),
    ...(metadata && { metadata }),
  }
}

export function toAgentView(agent: AgentJson, now: Date): AgentView {
  const lastConnectedAt = instantOrNull(agent.last_connected_at)
  const { status, disconnectedAt } = agentConnection(
    {
      createdAt: parseInstant(agent.created_at),
      connectionTimeoutSeconds: agent.connection_timeout_seconds,
      firstConnectedAt: instantOrNull(agent.first_connected_at),
      lastConnectedAt,
      disconnectedAt: instantOrNull(agent.disconnected_at),
      socketOpen: agent.socket_open,
    },
    now,
  )
  return {
    id: agent.id,
    parent_id: agent.parent_id,
    created_at: instant(agent.created_at),
    updated_at: instant(agent.updated_at),
    ...(agent.first_connected_at && { first_connected_at: instant(agent.first_connected_at) }),
    ...(lastConnectedAt && { last_connected_at: wireTime(lastConnectedAt) }),
    ...(disconnectedAt && { disconnected_at: wireTime(disconnectedAt) }),
    ...(agent.started_at && { started_at: instant(agent.started_at) }),
    ...(agent.ready_at && { ready_at: instant(agent.ready_at) }),
    status,
    lifecycle_state: agent.lifecycle_state,
    name: agent.name,
    resource_id: agent.resource_id,
    ...(agent.instance_id && { instance_id: agent.instance_id }),
    architecture: agent.architecture,
    environment_variables: agent.environment_variables,
    operating_system: agent.operating_system,
    logs_length: agent.logs_length,
    logs_overflowed: agent.logs_overflowed,
    ...(agent.directory && { directory: agent.directory }),
    ...(agent.expanded_directory && { expanded_directory: agent.expanded_directory }),
    version: agent.version,
    api_version: agent.api_version,
    apps: (agent.apps ?? []).map(toAppView),
    connection_timeout_seconds: agent.connection_timeout_seconds,
    troubleshooting_url: agent.troubleshooting_url,
    subsystems: agent.subsystems,
    health: agentHealth(status, agent.lifecycle_state),
    display_apps: agent.display_apps,
    log_sources: (agent.log_sources ?? []).map(toLogSourceView),
    scripts: (agent.scripts ?? []).map(toScriptView),
    startup_script_behavior: (agent.scripts ?? []).some(
      (script) => script.run_on_start && script.start_blocks_login,
    )
      ? "blocking"
      : "non-blocking",
  }
}

export function toAppView(app: AppJson): AppView {
  return {
    id: app.id,
    ...(app.url && { url: app.url }),
    external: app.external,
    slug: app.slug,
    ...(app.display_name && { display_name: app.display_name }),
    ...(app.command && { command: app.command }),
    ...(app.icon && { icon: app.icon }),
    subdomain: app.subdomain,
    sharing_level: app.sharing_level,
    healthcheck: app.healthcheck,
    health: app.health,
    ...(app.group && { group: app.group }),
    hidden: app.hidden,
    open_in: app.open_in,
    ...(app.tooltip && { tooltip: app.tooltip }),
    statuses: (app.statuses ?? []).map(toAppStatusView),
  }
}

export function toAppStatusView(status: AppStatusJson): AppStatusView {
  return {
    ...status,
    created_at: instant(status.created_at),
    icon: "",
    needs_user_attention: false,
  }
}

function toLogSourceView(source: LogSourceJson): z.infer<typeof logSourceSchema> {
  return { ...source, created_at: instant(source.created_at) }
}

export function toScriptView({
  exit_code,
  status,
  timeout_seconds,
  ...script
}: ScriptJson): z.infer<typeof scriptSchema> {
  return {
    ...script,
    timeout: timeout_seconds * 1_000_000_000,
    ...(exit_code !== null && { exit_code }),
    ...(status && { status }),
  }
}
