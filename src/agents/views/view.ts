// Resources, agents and apps as clients see them, from the JSON of `resources-json.ts`.
import type { z } from "@hono/zod-openapi"
import { parseInstant } from "../../platform/db/values.ts"
import { wireTime } from "../../platform/http/wire.ts"
import type {
  AgentJson,
  AppJson,
  AppStatusJson,
  LogSourceJson,
  ResourceJson,
  ScriptJson,
} from "./resources-json.ts"
import type {
  agentSchema,
  appSchema,
  appStatusSchema,
  logSourceSchema,
  resourceSchema,
  scriptSchema,
} from "./schemas.ts"

type AppStatusView = z.infer<typeof appStatusSchema>
type AppView = z.infer<typeof appSchema>
type AgentView = z.infer<typeof agentSchema>
type ResourceView = z.infer<typeof resourceSchema>

const instant = (text: string) => wireTime(parseInstant(text))

/** Sorts by the least display order of a resource's agents, then by name. */
export function toResourceViews(resources: readonly ResourceJson[]): ResourceView[] {
  const order = (resource: ResourceJson) =>
    Math.min(...(resource.agents ?? []).map((agent) => agent.display_order), 2 ** 31)
  return resources
    .toSorted((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : Number(a.name > b.name)))
    .map(toResourceView)
}

function toResourceView(resource: ResourceJson): ResourceView {
  const { agents, metadata, created_at, ...rest } = resource
  return {
    ...rest,
    created_at: instant(created_at),
    ...(agents && { agents: agents.map(toAgentView) }),
    ...(metadata && { metadata }),
  }
}

export function toAgentView(agent: AgentJson): AgentView {
  const disconnectedAt = disconnectionOf(agent)
  return {
    id: agent.id,
    parent_id: agent.parent_id,
    created_at: instant(agent.created_at),
    updated_at: instant(agent.updated_at),
    ...(agent.first_connected_at && { first_connected_at: instant(agent.first_connected_at) }),
    ...(agent.last_connected_at && { last_connected_at: instant(agent.last_connected_at) }),
    ...(disconnectedAt && { disconnected_at: instant(disconnectedAt) }),
    ...(agent.started_at && { started_at: instant(agent.started_at) }),
    ...(agent.ready_at && { ready_at: instant(agent.ready_at) }),
    status: agent.status,
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
    health: healthOf(agent),
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

/** An agent that fell silent was lost at its last call, although no disconnection was recorded. */
function disconnectionOf({ status, last_connected_at, disconnected_at }: AgentJson): string | null {
  const isRecorded =
    disconnected_at !== null &&
    last_connected_at !== null &&
    parseInstant(disconnected_at) >= parseInstant(last_connected_at)
  return status !== "disconnected" || isRecorded ? disconnected_at : last_connected_at
}

/** Reports the first reason that matches. A start that takes too long is still healthy. */
export function healthOf(agent: Pick<AgentJson, "status" | "lifecycle_state">) {
  const reason = unhealthyReason(agent)
  return reason === null ? { healthy: true } : { healthy: false, reason }
}

const shuttingDown = new Set(["shutting_down", "shutdown_timeout", "shutdown_error", "off"])

function unhealthyReason({
  status,
  lifecycle_state: lifecycle,
}: Pick<AgentJson, "status" | "lifecycle_state">): string | null {
  if (status !== "connected" && lifecycle === "off") return "agent is not running"
  if (status === "connecting") return "agent has not yet connected"
  if (status === "timeout") return "agent is taking too long to connect"
  if (status === "disconnected") return "agent has lost connection"
  if (lifecycle === "start_error") return "agent startup script exited with an error"
  return shuttingDown.has(lifecycle) ? "agent is shutting down" : null
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
