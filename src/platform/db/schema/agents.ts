// What a build made: resources, agents and their parts.
//
// Agents are soft-deleted, because logs and statistics refer to them.
import { sql } from "drizzle-orm"
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core"
import { bytea, id, instant } from "./columns.ts"
import { provisionerJobs } from "./queue.ts"
import { workspaces } from "./workspaces.ts"

export const workspaceResources = pgTable(
  "workspace_resources",
  {
    id: id(),
    jobId: uuid("job_id")
      .notNull()
      .references(() => provisionerJobs.id, { onDelete: "cascade" }),
    transition: text("transition", { enum: ["start", "stop", "delete"] }).notNull(),
    type: text("type").notNull(),
    name: text("name").notNull(),
    hide: boolean("hide").notNull().default(false),
    icon: text("icon").notNull().default(""),
    dailyCost: integer("daily_cost").notNull().default(0),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [index("workspace_resources_job").on(t.jobId)],
)

export const workspaceResourceMetadata = pgTable(
  "workspace_resource_metadata",
  {
    resourceId: uuid("resource_id")
      .notNull()
      .references(() => workspaceResources.id, { onDelete: "cascade" }),
    position: integer("position").notNull(),
    key: text("key").notNull(),
    value: text("value").notNull().default(""),
    sensitive: boolean("sensitive").notNull().default(false),
  },
  (t) => [primaryKey({ columns: [t.resourceId, t.position] })],
)

export const workspaceAgents = pgTable(
  "workspace_agents",
  {
    id: id(),
    // A sub agent (dev container) has a parent on the same resource.
    parentId: uuid("parent_id").references((): AnyPgColumn => workspaceAgents.id, {
      onDelete: "cascade",
    }),
    resourceId: uuid("resource_id")
      .notNull()
      .references(() => workspaceResources.id, { onDelete: "cascade" }),
    // Copies of the path to the workspace, null for agents of an import's plan.
    workspaceId: uuid("workspace_id").references(() => workspaces.id, { onDelete: "cascade" }),
    buildId: uuid("build_id"),
    name: text("name").notNull(),
    displayOrder: integer("display_order").notNull().default(0),
    deleted: boolean("deleted").notNull().default(false),
    // SHA-256 of the token. The token itself is stored only if it must be shown again, encrypted.
    hashedToken: bytea("hashed_token"),
    encryptedToken: text("encrypted_token"),
    authInstanceId: text("auth_instance_id"),
    apiKeyScope: text("api_key_scope").notNull().default("all"),
    architecture: text("architecture").notNull().default(""),
    operatingSystem: text("operating_system").notNull().default(""),
    directory: text("directory").notNull().default(""),
    expandedDirectory: text("expanded_directory").notNull().default(""),
    environmentVariables: jsonb("environment_variables").$type<Record<string, string>>(),
    displayApps: text("display_apps")
      .array()
      .notNull()
      .default(sql`'{}'`),
    motdFile: text("motd_file").notNull().default(""),
    troubleshootingUrl: text("troubleshooting_url").notNull().default(""),
    connectionTimeoutSeconds: integer("connection_timeout_seconds").notNull().default(120),
    version: text("version").notNull().default(""),
    apiVersion: text("api_version").notNull().default(""),
    subsystems: text("subsystems")
      .array()
      .notNull()
      .default(sql`'{}'`),
    lifecycleState: text("lifecycle_state", {
      enum: [
        "created",
        "starting",
        "start_timeout",
        "start_error",
        "ready",
        "shutting_down",
        "shutdown_timeout",
        "shutdown_error",
        "off",
      ],
    })
      .notNull()
      .default("created"),
    startedAt: instant("started_at"),
    readyAt: instant("ready_at"),
    firstConnectedAt: instant("first_connected_at"),
    lastConnectedAt: instant("last_connected_at"),
    disconnectedAt: instant("disconnected_at"),
    // Set while the agent holds a socket: it is connected for that time.
    socketOpen: boolean("socket_open").notNull().default(false),
    logsLength: integer("logs_length").notNull().default(0),
    logsOverflowed: boolean("logs_overflowed").notNull().default(false),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    index("workspace_agents_resource").on(t.resourceId),
    index("workspace_agents_parent").on(t.parentId),
    index("workspace_agents_workspace")
      .on(t.workspaceId)
      .where(sql`not ${t.deleted}`),
    index("workspace_agents_build")
      .on(t.buildId)
      .where(sql`not ${t.deleted}`),
    index("workspace_agents_instance")
      .on(t.authInstanceId)
      .where(sql`${t.authInstanceId} is not null`),
    // Names of agents that are not deleted are unique: exactly in a build, ignoring case in a
    // resource. These are indexes, not a trigger: two inserts at once cannot both pass.
    uniqueIndex("workspace_agents_build_name")
      .on(t.buildId, t.name)
      .where(sql`not ${t.deleted} and ${t.buildId} is not null`),
    uniqueIndex("workspace_agents_resource_name")
      .on(t.resourceId, sql`lower(${t.name})`)
      .where(sql`not ${t.deleted}`),
    uniqueIndex("workspace_agents_token")
      .on(t.hashedToken)
      .where(sql`not ${t.deleted} and ${t.hashedToken} is not null`),
    check("workspace_agents_name", sql`${t.name} ~* '^[a-z0-9](-?[a-z0-9])*$'`),
    check("workspace_agents_logs_length", sql`${t.logsLength} between 0 and 1048576`),
    check(
      "workspace_agents_lifecycle",
      sql`${t.lifecycleState} in ('created', 'starting', 'start_timeout', 'start_error', 'ready', 'shutting_down', 'shutdown_timeout', 'shutdown_error', 'off')`,
    ),
  ],
)

export const workspaceApps = pgTable(
  "workspace_apps",
  {
    id: id(),
    agentId: uuid("agent_id")
      .notNull()
      .references(() => workspaceAgents.id, { onDelete: "cascade" }),
    slug: text("slug").notNull(),
    displayName: text("display_name").notNull().default(""),
    icon: text("icon").notNull().default(""),
    command: text("command").notNull().default(""),
    url: text("url").notNull().default(""),
    external: boolean("external").notNull().default(false),
    subdomain: boolean("subdomain").notNull().default(false),
    sharingLevel: text("sharing_level", {
      enum: ["owner", "authenticated", "organization", "public"],
    })
      .notNull()
      .default("owner"),
    healthcheckUrl: text("healthcheck_url").notNull().default(""),
    healthcheckIntervalSeconds: integer("healthcheck_interval_seconds").notNull().default(0),
    healthcheckThreshold: integer("healthcheck_threshold").notNull().default(0),
    health: text("health", { enum: ["disabled", "initializing", "healthy", "unhealthy"] })
      .notNull()
      .default("disabled"),
    displayOrder: integer("display_order").notNull().default(0),
    displayGroup: text("display_group").notNull().default(""),
    hidden: boolean("hidden").notNull().default(false),
    openIn: text("open_in", { enum: ["slim-window", "tab"] })
      .notNull()
      .default("slim-window"),
    tooltip: text("tooltip").notNull().default(""),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    unique("workspace_apps_slug").on(t.agentId, t.slug),
    check(
      "workspace_apps_health",
      sql`${t.health} in ('disabled', 'initializing', 'healthy', 'unhealthy')`,
    ),
  ],
)

export const workspaceAppStatuses = pgTable(
  "workspace_app_statuses",
  {
    id: id(),
    workspaceId: uuid("workspace_id")
      .notNull()
      .references(() => workspaces.id, { onDelete: "cascade" }),
    agentId: uuid("agent_id")
      .notNull()
      .references(() => workspaceAgents.id, { onDelete: "cascade" }),
    appId: uuid("app_id")
      .notNull()
      .references(() => workspaceApps.id, { onDelete: "cascade" }),
    state: text("state", { enum: ["working", "idle", "complete", "failure"] }).notNull(),
    message: text("message").notNull().default(""),
    uri: text("uri").notNull().default(""),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    index("workspace_app_statuses_workspace").on(t.workspaceId, t.createdAt.desc()),
    index("workspace_app_statuses_app").on(t.appId, t.createdAt.desc()),
    index("workspace_app_statuses_agent").on(t.agentId),
    index("workspace_app_statuses_created").on(t.createdAt),
  ],
)

export const workspaceAgentScripts = pgTable(
  "workspace_agent_scripts",
  {
    id: id(),
    agentId: uuid("agent_id")
      .notNull()
      .references(() => workspaceAgents.id, { onDelete: "cascade" }),
    logSourceId: uuid("log_source_id").notNull(),
    logPath: text("log_path").notNull().default(""),
    script: text("script").notNull(),
    cron: text("cron").notNull().default(""),
    runOnStart: boolean("run_on_start").notNull().default(false),
    runOnStop: boolean("run_on_stop").notNull().default(false),
    startBlocksLogin: boolean("start_blocks_login").notNull().default(false),
    timeoutSeconds: integer("timeout_seconds").notNull().default(0),
    displayName: text("display_name").notNull().default(""),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [index("workspace_agent_scripts_agent").on(t.agentId)],
)

export const workspaceAgentScriptTimings = pgTable(
  "workspace_agent_script_timings",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    scriptId: uuid("script_id")
      .notNull()
      .references(() => workspaceAgentScripts.id, { onDelete: "cascade" }),
    startedAt: instant("started_at").notNull(),
    endedAt: instant("ended_at").notNull(),
    exitCode: integer("exit_code").notNull(),
    stage: text("stage").notNull(),
    status: text("status", {
      enum: ["ok", "exit_failure", "timed_out", "pipes_left_open"],
    }).notNull(),
  },
  (t) => [index("workspace_agent_script_timings_script").on(t.scriptId)],
)

export const workspaceAgentLogSources = pgTable(
  "workspace_agent_log_sources",
  {
    agentId: uuid("agent_id")
      .notNull()
      .references(() => workspaceAgents.id, { onDelete: "cascade" }),
    id: uuid("id").notNull(),
    displayName: text("display_name").notNull().default(""),
    icon: text("icon").notNull().default(""),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.agentId, t.id] })],
)

export const workspaceAgentLogs = pgTable(
  "workspace_agent_logs",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    agentId: uuid("agent_id")
      .notNull()
      .references(() => workspaceAgents.id, { onDelete: "cascade" }),
    logSourceId: uuid("log_source_id").notNull(),
    createdAt: instant("created_at").notNull(),
    level: text("level").notNull(),
    output: text("output").notNull(),
  },
  (t) => [
    index("workspace_agent_logs_agent").on(t.agentId, t.id),
    index("workspace_agent_logs_created").using("brin", t.createdAt),
  ],
)

export const workspaceAgentMetadata = pgTable(
  "workspace_agent_metadata",
  {
    agentId: uuid("agent_id")
      .notNull()
      .references(() => workspaceAgents.id, { onDelete: "cascade" }),
    key: text("key").notNull(),
    displayName: text("display_name").notNull().default(""),
    script: text("script").notNull().default(""),
    displayOrder: integer("display_order").notNull().default(0),
    intervalSeconds: integer("interval_seconds").notNull().default(0),
    timeoutSeconds: integer("timeout_seconds").notNull().default(0),
    value: text("value").notNull().default(""),
    error: text("error").notNull().default(""),
    collectedAt: instant("collected_at"),
  },
  (t) => [primaryKey({ columns: [t.agentId, t.key] })],
)
