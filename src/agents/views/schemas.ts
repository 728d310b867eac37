// The wire schemas of resources, agents, apps and scripts.
import { z } from "@hono/zod-openapi"
import { timeSchema } from "../../platform/http/wire.ts"
import { lifecycleStates } from "../reports/requests.ts"
import { metadataSchema } from "../reports/view.ts"

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
