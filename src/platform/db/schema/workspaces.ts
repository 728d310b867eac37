// Workspaces and their builds.
//
// A build is one transition, numbered from 1. The latest has the highest number.
import { sql } from "drizzle-orm"
import {
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
import { prebuildsUserId } from "../prebuilds-user.ts"
import { bytea, durationMs, id, instant } from "./columns.ts"
import { organizations, users } from "./identity.ts"
import { provisionerJobs } from "./queue.ts"
import { templates, templateVersionPresets, templateVersions } from "./templates.ts"

export const workspaces = pgTable(
  "workspaces",
  {
    id: id(),
    // The prebuilds system user's id marks a prebuild; there is no flag column.
    ownerId: uuid("owner_id")
      .notNull()
      .references(() => users.id),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    templateId: uuid("template_id")
      .notNull()
      .references(() => templates.id),
    name: text("name").notNull(),
    autostartSchedule: text("autostart_schedule"),
    ttlMs: durationMs("ttl_ms"),
    nextStartAt: instant("next_start_at"),
    lastUsedAt: instant("last_used_at"),
    dormantAt: instant("dormant_at"),
    deletingAt: instant("deleting_at"),
    automaticUpdates: text("automatic_updates").notNull().default("never"),
    favorite: boolean("favorite").notNull().default(false),
    userAcl: jsonb("user_acl")
      .notNull()
      .default(sql`'{}'`),
    groupAcl: jsonb("group_acl")
      .notNull()
      .default(sql`'{}'`),
    deleted: boolean("deleted").notNull().default(false),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    // A lower bound of the next instant at which a lifecycle rule could fire. Null if none ever can
    // (prebuilds, deleted), infinity while a build is active, -infinity when marked dirty.
    checkAt: instant("check_at"),
    // Copies kept by triggers, so that lists sort and filter without joins.
    ownerName: text("owner_name").notNull().default(""),
    latestBuildId: uuid("latest_build_id"),
    latestBuildNumber: integer("latest_build_number").notNull().default(0),
    latestTransition: text("latest_transition"),
    latestJobStatus: text("latest_job_status"),
  },
  (t) => [
    uniqueIndex("workspaces_name_live")
      .on(t.ownerId, sql`lower(${t.name})`)
      .where(sql`not ${t.deleted}`),
    // Deleted workspaces keep their names, so `include_deleted` can find them.
    index("workspaces_name_deleted")
      .on(t.ownerId, sql`lower(${t.name})`)
      .where(sql`${t.deleted}`),
    index("workspaces_check_at")
      .on(t.checkAt, t.id)
      .where(sql`${t.checkAt} is not null`),
    index("workspaces_template")
      .on(t.templateId)
      .where(sql`not ${t.deleted}`),
    index("workspaces_organization")
      .on(t.organizationId)
      .where(sql`not ${t.deleted}`),
    // The list's order after favourites: running first, then owner, then name.
    index("workspaces_list_order")
      .on(
        sql`(${t.latestTransition} = 'start' and ${t.latestJobStatus} = 'succeeded') desc`,
        sql`lower(${t.ownerName})`,
        sql`lower(${t.name})`,
        t.id,
      )
      .where(sql`not ${t.deleted}`),
    index("workspaces_name_trgm")
      .using("gin", sql`lower(${t.name}) gin_trgm_ops`)
      .where(sql`not ${t.deleted}`),
    index("workspaces_latest_build").on(t.latestBuildId),
    // The pools: the claim chooses from these and the reconcile reads them.
    index("workspaces_pool")
      .on(t.templateId)
      .where(sql`${t.ownerId} = '${sql.raw(prebuildsUserId)}' and not ${t.deleted}`),
    check("workspaces_automatic_updates", sql`${t.automaticUpdates} in ('always', 'never')`),
    check("workspaces_ttl", sql`${t.ttlMs} is null or ${t.ttlMs} > 0`),
    // Only a dormant workspace has a deletion date.
    check(
      "workspaces_deleting_is_dormant",
      sql`${t.deletingAt} is null or ${t.dormantAt} is not null`,
    ),
    // A dormant workspace is not started by its schedule.
    check(
      "workspaces_dormant_never_starts",
      sql`${t.dormantAt} is null or ${t.nextStartAt} is null`,
    ),
    // Prebuilds have no lifecycle.
    check(
      "workspaces_prebuild_has_no_lifecycle",
      sql`${t.ownerId} <> '${sql.raw(prebuildsUserId)}' or (
        ${t.autostartSchedule} is null and ${t.nextStartAt} is null and ${t.ttlMs} is null
        and ${t.dormantAt} is null and ${t.deletingAt} is null and ${t.checkAt} is null)`,
    ),
    check("workspaces_deleted_never_checked", sql`not ${t.deleted} or ${t.checkAt} is null`),
  ],
)

export const workspaceBuilds = pgTable(
  "workspace_builds",
  {
    id: id(),
    workspaceId: uuid("workspace_id")
      .notNull()
      .references(() => workspaces.id, { onDelete: "cascade" }),
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id),
    buildNumber: integer("build_number").notNull(),
    transition: text("transition").notNull(),
    initiatorId: uuid("initiator_id")
      .notNull()
      .references(() => users.id),
    jobId: uuid("job_id")
      .notNull()
      .unique("workspace_builds_job")
      .references(() => provisionerJobs.id),
    reason: text("reason").notNull().default("initiator"),
    provisionerState: bytea("provisioner_state"),
    deadline: instant("deadline"),
    maxDeadline: instant("max_deadline"),
    notifiedAutostopDeadline: instant("notified_autostop_deadline"),
    dailyCost: integer("daily_cost").notNull().default(0),
    templateVersionPresetId: uuid("template_version_preset_id").references(
      () => templateVersionPresets.id,
      {
        onDelete: "set null",
      },
    ),
    hasExternalAgent: boolean("has_external_agent"),
    // A start that follows this stop when it succeeds (`on_success`). It is taken once.
    onSuccess: jsonb("on_success"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    unique("workspace_builds_number").on(t.workspaceId, t.buildNumber),
    index("workspace_builds_version").on(t.templateVersionId, t.createdAt.desc()),
    index("workspace_builds_preset")
      .on(t.templateVersionPresetId, t.createdAt.desc())
      .where(sql`${t.templateVersionPresetId} is not null`),
    index("workspace_builds_initiator").on(t.initiatorId),
    index("workspace_builds_follow_up")
      .on(t.updatedAt)
      .where(sql`${t.onSuccess} is not null`),
    // States that retention drops once they are old and no longer the latest.
    index("workspace_builds_state")
      .on(t.createdAt)
      .where(sql`${t.provisionerState} is not null`),
    check("workspace_builds_transition", sql`${t.transition} in ('start', 'stop', 'delete')`),
    check("workspace_builds_number_from_one", sql`${t.buildNumber} >= 1`),
    check(
      "workspace_builds_reason",
      sql`${t.reason} in ('initiator', 'autostart', 'autostop', 'dormancy', 'failedstop', 'autodelete', 'dashboard', 'cli', 'ssh_connection', 'vscode_connection', 'jetbrains_connection', 'task_auto_pause', 'task_manual_pause', 'task_resume')`,
    ),
    // A maximum deadline needs a deadline, and bounds it.
    check(
      "workspace_builds_deadline_below_max_deadline",
      sql`${t.maxDeadline} is null or (${t.deadline} is not null and ${t.deadline} <= ${t.maxDeadline})`,
    ),
  ],
)

export const workspaceBuildParameters = pgTable(
  "workspace_build_parameters",
  {
    workspaceBuildId: uuid("workspace_build_id")
      .notNull()
      .references(() => workspaceBuilds.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    value: text("value").notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceBuildId, t.name] })],
)
