// People and what they hold: users, organizations, memberships, keys.
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
  uniqueIndex,
  uuid,
  type AnyPgColumn,
} from "drizzle-orm/pg-core"
import { bytea, durationMs, id, instant } from "./columns.ts"

export const users = pgTable(
  "users",
  {
    id: id(),
    email: text("email").notNull(),
    username: text("username").notNull(),
    name: text("name").notNull().default(""),
    avatarUrl: text("avatar_url").notNull().default(""),
    // The password's scrypt hash with its parameters. Empty for accounts without a password.
    hashedPassword: text("hashed_password").notNull().default(""),
    status: text("status", { enum: ["active", "dormant", "suspended"] })
      .notNull()
      .default("dormant"),
    loginType: text("login_type").notNull().default("password"),
    siteRoles: text("site_roles")
      .array()
      .notNull()
      .default(sql`'{}'`),
    quietHoursSchedule: text("quiet_hours_schedule").notNull().default(""),
    isSystem: boolean("is_system").notNull().default(false),
    isServiceAccount: boolean("is_service_account").notNull().default(false),
    deleted: boolean("deleted").notNull().default(false),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    lastSeenAt: instant("last_seen_at"),
  },
  (t) => [
    uniqueIndex("users_username_live")
      .on(sql`lower(${t.username})`)
      .where(sql`not ${t.deleted}`),
    uniqueIndex("users_email_live")
      .on(sql`lower(${t.email})`)
      .where(sql`not ${t.deleted} and ${t.email} <> ''`),
    index("users_username_trgm").using("gin", sql`lower(${t.username}) gin_trgm_ops`),
    index("users_email_trgm").using("gin", sql`lower(${t.email}) gin_trgm_ops`),
    check("users_status", sql`${t.status} in ('active', 'dormant', 'suspended')`),
    check(
      "users_login_type",
      sql`${t.loginType} in ('password', 'github', 'oidc', 'token', 'none')`,
    ),
    // An owner is never suspended: the role must be taken first.
    check(
      "users_owner_not_suspended",
      sql`not (${t.status} = 'suspended' and 'owner' = any(${t.siteRoles}))`,
    ),
  ],
)

export const organizations = pgTable(
  "organizations",
  {
    id: id(),
    name: text("name").notNull(),
    displayName: text("display_name").notNull().default(""),
    description: text("description").notNull().default(""),
    icon: text("icon").notNull().default(""),
    isDefault: boolean("is_default").notNull().default(false),
    defaultOrgMemberRoles: text("default_org_member_roles")
      .array()
      .notNull()
      .default(sql`'{}'`),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
    deleted: boolean("deleted").notNull().default(false),
  },
  (t) => [
    uniqueIndex("organizations_name_live")
      .on(sql`lower(${t.name})`)
      .where(sql`not ${t.deleted}`),
    uniqueIndex("organizations_one_default")
      .on(t.isDefault)
      .where(sql`${t.isDefault}`),
  ],
)

export const organizationMembers = pgTable(
  "organization_members",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "cascade" }),
    roles: text("roles")
      .array()
      .notNull()
      .default(sql`'{}'`),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.organizationId, t.userId] }),
    index("organization_members_user").on(t.userId),
  ],
)

/** Groups exist for the membership of the prebuilds user, and for the group "Everyone". */
export const groups = pgTable(
  "groups",
  {
    id: id(),
    organizationId: uuid("organization_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    displayName: text("display_name").notNull().default(""),
    quotaAllowance: integer("quota_allowance").notNull().default(0),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [uniqueIndex("groups_name").on(t.organizationId, sql`lower(${t.name})`)],
)

export const groupMembers = pgTable(
  "group_members",
  {
    groupId: uuid("group_id")
      .notNull()
      .references(() => groups.id, { onDelete: "cascade" }),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
  },
  (t) => [primaryKey({ columns: [t.groupId, t.userId] })],
)

/** Sessions and tokens. Only the SHA-256 of the secret is stored. */
export const apiKeys = pgTable(
  "api_keys",
  {
    id: text("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    hashedSecret: bytea("hashed_secret").notNull(),
    loginType: text("login_type").notNull(),
    tokenName: text("token_name").notNull().default(""),
    scopes: text("scopes")
      .array()
      .notNull()
      .default(sql`'{coder:all}'`),
    allowList: text("allow_list")
      .array()
      .notNull()
      .default(sql`'{*:*}'`),
    lifetimeSeconds: durationMs("lifetime_seconds").notNull(),
    // The workspace whose start minted this session. The claim and the stop revoke it in their
    // statements.
    workspaceId: uuid("workspace_id"),
    // The token that created this key. The key ends with it.
    parentKeyId: text("parent_key_id").references((): AnyPgColumn => apiKeys.id, {
      onDelete: "cascade",
    }),
    ip: text("ip").notNull().default(""),
    lastUsedAt: instant("last_used_at"),
    expiresAt: instant("expires_at").notNull(),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    index("api_keys_user").on(t.userId),
    index("api_keys_expires").on(t.expiresAt),
    index("api_keys_parent")
      .on(t.parentKeyId)
      .where(sql`${t.parentKeyId} is not null`),
    // Keys in use, the newest first, for the look-ahead of the usage shards. It moves once an hour
    // per key.
    index("api_keys_last_used").on(t.lastUsedAt),
    index("api_keys_workspace")
      .on(t.workspaceId)
      .where(sql`${t.workspaceId} is not null`),
    uniqueIndex("api_keys_token_name")
      .on(t.userId, t.tokenName)
      .where(sql`${t.loginType} = 'token'`),
    check("api_keys_id_shape", sql`length(${t.id}) = 10`),
    check("api_keys_hash_length", sql`length(${t.hashedSecret}) = 32`),
  ],
)

/** The pair that a person's workspaces use for git. The seed of the private key is encrypted. */
export const userGitKeys = pgTable("user_git_keys", {
  userId: uuid("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  encryptedSeed: text("encrypted_seed").notNull(),
  publicKey: text("public_key").notNull(),
  createdAt: instant("created_at").notNull(),
  updatedAt: instant("updated_at").notNull(),
})

/** The appearance and the preferences that a person chose, as clients wrote them. */
export const userSettings = pgTable("user_settings", {
  userId: uuid("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  appearance: jsonb("appearance")
    .notNull()
    .default(sql`'{}'`),
  preferences: jsonb("preferences")
    .notNull()
    .default(sql`'{}'`),
})

/** One row per setting: `prebuilds_settings`, `deployment_id`, ... */
export const siteConfigs = pgTable("site_configs", {
  key: text("key").primaryKey(),
  value: jsonb("value").notNull(),
})

export const auditLogs = pgTable(
  "audit_logs",
  {
    id: id(),
    time: instant("time").notNull(),
    requestId: text("request_id").notNull(),
    userId: uuid("user_id"),
    organizationId: uuid("organization_id"),
    ip: text("ip").notNull().default(""),
    userAgent: text("user_agent").notNull().default(""),
    resourceType: text("resource_type").notNull(),
    resourceId: uuid("resource_id").notNull(),
    resourceTarget: text("resource_target").notNull(),
    resourceIcon: text("resource_icon").notNull().default(""),
    action: text("action").notNull(),
    diff: jsonb("diff")
      .notNull()
      .default(sql`'{}'`),
    statusCode: integer("status_code").notNull(),
    additionalFields: jsonb("additional_fields")
      .notNull()
      .default(sql`'{}'`),
  },
  (t) => [
    index("audit_logs_time").on(t.time.desc(), t.id),
    index("audit_logs_resource").on(t.resourceId),
    index("audit_logs_user").on(t.userId, t.time.desc()),
    index("audit_logs_organization").on(t.organizationId, t.time.desc()),
  ],
)
