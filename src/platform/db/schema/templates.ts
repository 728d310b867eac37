// Templates, their immutable versions, parameters, variables and presets.
import { sql } from "drizzle-orm"
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  foreignKey,
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
import { durationMs, id, instant } from "./columns.ts"
import { files } from "./files.ts"
import { organizations, users } from "./identity.ts"
import { provisionerJobs } from "./queue.ts"

export const templates = pgTable(
  "templates",
  {
    id: id(),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    name: text("name").notNull(),
    displayName: text("display_name").notNull().default(""),
    description: text("description").notNull().default(""),
    icon: text("icon").notNull().default(""),
    provisioner: text("provisioner", { enum: ["terraform", "echo"] })
      .notNull()
      .default("terraform"),
    activeVersionId: uuid("active_version_id")
      .notNull()
      .references((): AnyPgColumn => templateVersions.id),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    deleted: boolean("deleted").notNull().default(false),
    deprecationMessage: text("deprecation_message").notNull().default(""),
    defaultTtlMs: durationMs("default_ttl_ms").notNull().default(0),
    activityBumpMs: durationMs("activity_bump_ms").notNull().default(3_600_000),
    timeTilAutostopNotifyMs: durationMs("time_til_autostop_notify_ms").notNull().default(0),
    autostopRequirementDays: integer("autostop_requirement_days").notNull().default(0),
    autostopRequirementWeeks: integer("autostop_requirement_weeks").notNull().default(1),
    // The allowed days, bit 0 Monday; the reference stores the inverse.
    autostartDays: integer("autostart_days").notNull().default(127),
    allowUserAutostart: boolean("allow_user_autostart").notNull().default(true),
    allowUserAutostop: boolean("allow_user_autostop").notNull().default(true),
    allowUserCancelWorkspaceJobs: boolean("allow_user_cancel_workspace_jobs")
      .notNull()
      .default(false),
    failureTtlMs: durationMs("failure_ttl_ms").notNull().default(0),
    timeTilDormantMs: durationMs("time_til_dormant_ms").notNull().default(0),
    timeTilDormantAutodeleteMs: durationMs("time_til_dormant_autodelete_ms").notNull().default(0),
    // Set while the workspaces have not followed a change of the schedule. `starts` if its allowed
    // days changed too.
    scheduleChangedAt: instant("schedule_changed_at"),
    scheduleChangedStarts: boolean("schedule_changed_starts").notNull().default(false),
    // The last workspace, by id, that has followed the change: the next tick continues there.
    scheduleFollowedTo: uuid("schedule_followed_to"),
    requireActiveVersion: boolean("require_active_version").notNull().default(false),
    disableEveryoneGroupAccess: boolean("disable_everyone_group_access").notNull().default(false),
    maxPortShareLevel: text("max_port_share_level", {
      enum: ["owner", "authenticated", "organization", "public"],
    })
      .notNull()
      .default("public"),
    corsBehavior: text("cors_behavior", { enum: ["simple", "passthru"] })
      .notNull()
      .default("simple"),
    useClassicParameterFlow: boolean("use_classic_parameter_flow").notNull().default(true),
    disableModuleCache: boolean("disable_module_cache").notNull().default(false),
    // Kept by a roll-up: distinct owners, and P50/P95 in ms per transition (null until computed).
    activeUserCount: integer("active_user_count").notNull().default(0),
    buildTimeStats:
      jsonb("build_time_stats").$type<
        Partial<Record<"start" | "stop" | "delete", { P50: number | null; P95: number | null }>>
      >(),
  },
  (t) => [
    uniqueIndex("templates_name_live")
      .on(t.organizationId, sql`lower(${t.name})`)
      .where(sql`not ${t.deleted}`),
    index("templates_schedule_changed")
      .on(t.scheduleChangedAt)
      .where(sql`${t.scheduleChangedAt} is not null`),
    check("templates_autostop_days", sql`${t.autostopRequirementDays} between 0 and 127`),
    check("templates_autostop_weeks", sql`${t.autostopRequirementWeeks} between 1 and 16`),
    check("templates_autostart_days", sql`${t.autostartDays} between 0 and 127`),
    check(
      "templates_durations",
      sql`least(${t.defaultTtlMs}, ${t.activityBumpMs}, ${t.timeTilAutostopNotifyMs}, ${t.failureTtlMs}, ${t.timeTilDormantMs}, ${t.timeTilDormantAutodeleteMs}) >= 0`,
    ),
  ],
)

/** A version never changes, except its name, message and archived mark. */
export const templateVersions = pgTable(
  "template_versions",
  {
    id: id(),
    templateId: uuid("template_id").references(() => templates.id),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id),
    jobId: uuid("job_id")
      .notNull()
      .unique("template_versions_job")
      .references(() => provisionerJobs.id),
    fileId: uuid("file_id")
      .notNull()
      .references(() => files.id),
    name: text("name").notNull(),
    message: text("message").notNull().default(""),
    readme: text("readme").notNull().default(""),
    archived: boolean("archived").notNull().default(false),
    hasExternalAgent: boolean("has_external_agent"),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    uniqueIndex("template_versions_name")
      .on(t.templateId, sql`lower(${t.name})`)
      .where(sql`${t.templateId} is not null`),
    index("template_versions_template").on(t.templateId, t.createdAt, t.id),
  ],
)

export const templateVersionParameters = pgTable(
  "template_version_parameters",
  {
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    displayOrder: integer("display_order").notNull().default(0),
    displayName: text("display_name").notNull().default(""),
    description: text("description").notNull().default(""),
    type: text("type").notNull().default("string"),
    formType: text("form_type").notNull().default(""),
    mutable: boolean("mutable").notNull().default(false),
    defaultValue: text("default_value").notNull().default(""),
    icon: text("icon").notNull().default(""),
    options: jsonb("options")
      .notNull()
      .default(sql`'[]'`),
    validationRegex: text("validation_regex").notNull().default(""),
    validationError: text("validation_error").notNull().default(""),
    validationMin: integer("validation_min"),
    validationMax: integer("validation_max"),
    validationMonotonic: text("validation_monotonic").notNull().default(""),
    required: boolean("required").notNull().default(true),
    ephemeral: boolean("ephemeral").notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.templateVersionId, t.name] }),
    check(
      "template_version_parameters_type",
      sql`${t.type} in ('string', 'number', 'bool', 'list(string)')`,
    ),
  ],
)

export const templateVersionVariables = pgTable(
  "template_version_variables",
  {
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description").notNull().default(""),
    type: text("type").notNull().default("string"),
    value: text("value").notNull().default(""),
    defaultValue: text("default_value").notNull().default(""),
    required: boolean("required").notNull().default(false),
    sensitive: boolean("sensitive").notNull().default(false),
  },
  (t) => [primaryKey({ columns: [t.templateVersionId, t.name] })],
)

export const templateVersionPresets = pgTable(
  "template_version_presets",
  {
    id: id(),
    templateVersionId: uuid("template_version_id")
      .notNull()
      .references(() => templateVersions.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    displayOrder: integer("display_order").notNull().default(0),
    description: text("description").notNull().default(""),
    icon: text("icon").notNull().default(""),
    isDefault: boolean("is_default").notNull().default(false),
    // Null: the preset has no prebuild configuration at all. 0: configured with a base of zero.
    desiredInstances: integer("desired_instances"),
    invalidateAfterSecs: integer("invalidate_after_secs"),
    schedulingTimezone: text("scheduling_timezone").notNull().default(""),
    prebuildStatus: text("prebuild_status").notNull().default("healthy"),
    lastInvalidatedAt: instant("last_invalidated_at"),
    // Creating and deleting prebuilds serialise on this version.
    poolVersion: bigint("pool_version", { mode: "number" }).notNull().default(0),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    unique("template_version_presets_name").on(t.templateVersionId, t.name),
    uniqueIndex("template_version_presets_default")
      .on(t.templateVersionId)
      .where(sql`${t.isDefault}`),
    index("template_version_presets_pool")
      .on(t.templateVersionId)
      .where(sql`${t.desiredInstances} is not null`),
    check(
      "template_version_presets_status",
      sql`${t.prebuildStatus} in ('healthy', 'hard_limited', 'validation_failed')`,
    ),
  ],
)

export const templateVersionPresetParameters = pgTable(
  "template_version_preset_parameters",
  {
    presetId: uuid("preset_id").notNull(),
    name: text("name").notNull(),
    value: text("value").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.presetId, t.name] }),
    foreignKey({
      name: "preset_parameters_preset",
      columns: [t.presetId],
      foreignColumns: [templateVersionPresets.id],
    }).onDelete("cascade"),
  ],
)

export const templateVersionPresetPrebuildSchedules = pgTable(
  "template_version_preset_prebuild_schedules",
  {
    presetId: uuid("preset_id").notNull(),
    position: integer("position").notNull(),
    cronExpression: text("cron_expression").notNull(),
    desiredInstances: integer("desired_instances").notNull(),
  },
  (t) => [
    primaryKey({ name: "preset_schedules_pkey", columns: [t.presetId, t.position] }),
    foreignKey({
      name: "preset_schedules_preset",
      columns: [t.presetId],
      foreignColumns: [templateVersionPresets.id],
    }).onDelete("cascade"),
  ],
)
