// Use of workspaces: reports of agents and pings, and the half hours that they are rolled up to.
import { sql } from "drizzle-orm"
import {
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
  uuid,
} from "drizzle-orm/pg-core"
import { instant } from "./columns.ts"
import { users } from "./identity.ts"
import { templates } from "./templates.ts"

/**
 * One report of an agent, or one usage ping with a body (`usage`). There are no foreign keys: rows
 * outlive their workspace until they are purged.
 */
export const workspaceAgentStats = pgTable(
  "workspace_agent_stats",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    createdAt: instant("created_at").notNull(),
    userId: uuid("user_id").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    templateId: uuid("template_id").notNull(),
    agentId: uuid("agent_id").notNull(),
    connectionsByProto: jsonb("connections_by_proto")
      .notNull()
      .default(sql`'{}'`),
    connectionCount: integer("connection_count").notNull().default(0),
    connectionMedianLatencyMs: integer("connection_median_latency_ms").notNull().default(-1),
    rxPackets: bigint("rx_packets", { mode: "number" }).notNull().default(0),
    rxBytes: bigint("rx_bytes", { mode: "number" }).notNull().default(0),
    txPackets: bigint("tx_packets", { mode: "number" }).notNull().default(0),
    txBytes: bigint("tx_bytes", { mode: "number" }).notNull().default(0),
    sessionCountVscode: integer("session_count_vscode").notNull().default(0),
    sessionCountJetbrains: integer("session_count_jetbrains").notNull().default(0),
    sessionCountReconnectingPty: integer("session_count_reconnecting_pty").notNull().default(0),
    sessionCountSsh: integer("session_count_ssh").notNull().default(0),
    usage: boolean("usage").notNull().default(false),
  },
  (t) => [index("workspace_agent_stats_created").on(t.createdAt)],
)

export const workspaceAppStats = pgTable(
  "workspace_app_stats",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    userId: uuid("user_id").notNull(),
    workspaceId: uuid("workspace_id").notNull(),
    agentId: uuid("agent_id").notNull(),
    sessionId: uuid("session_id").notNull(),
    accessMethod: text("access_method").notNull(),
    slugOrPort: text("slug_or_port").notNull(),
    sessionStartedAt: instant("session_started_at").notNull(),
    sessionEndedAt: instant("session_ended_at").notNull(),
    requests: integer("requests").notNull(),
  },
  (t) => [
    unique("workspace_app_stats_session").on(t.userId, t.agentId, t.sessionId),
    index("workspace_app_stats_started").on(t.sessionStartedAt),
    check("workspace_app_stats_order", sql`${t.sessionEndedAt} >= ${t.sessionStartedAt}`),
  ],
)

/** Seconds of use per half hour, template, user and application, which insights read. */
export const templateUsageStats = pgTable(
  "template_usage_stats",
  {
    startTime: instant("start_time").notNull(),
    templateId: uuid("template_id")
      .notNull()
      .references(() => templates.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    usageSeconds: integer("usage_seconds").notNull().default(0),
    vscodeSeconds: integer("vscode_seconds").notNull().default(0),
    jetbrainsSeconds: integer("jetbrains_seconds").notNull().default(0),
    reconnectingPtySeconds: integer("reconnecting_pty_seconds").notNull().default(0),
    sshSeconds: integer("ssh_seconds").notNull().default(0),
    appSeconds: jsonb("app_seconds"),
    medianLatencyMs: integer("median_latency_ms"),
  },
  (t) => [
    primaryKey({ columns: [t.startTime, t.templateId, t.userId] }),
    // A minute that is counted twice does not fit into a half hour of full use.
    check("template_usage_stats_half_hour", sql`${t.usageSeconds} between 0 and 1800`),
  ],
)
