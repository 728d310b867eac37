// The tick's ledger, the outbox, the inbox and the webhooks.
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
import { id, instant } from "./columns.ts"
import { users } from "./identity.ts"

/**
 * One row per run of the lifecycle at a minute. Runs may overlap, be late or be missed; each does
 * all that is due.
 */
export const lifecycleTicks = pgTable(
  "lifecycle_ticks",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    tickAt: instant("tick_at").notNull(),
    startedAt: instant("started_at").notNull(),
    finishedAt: instant("finished_at"),
    source: text("source").notNull().default("cron"),
    lagMs: bigint("lag_ms", { mode: "number" }).notNull().default(0),
    // Transitions by rule, reaped jobs, moved bounds: the counts of the log event.
    counts: jsonb("counts")
      .notNull()
      .default(sql`'{}'`),
    more: boolean("more").notNull().default(false),
    // Shards of the usage tracker that could not be flushed; rules that wait for them say so. Null
    // if nothing was due and no shard was asked.
    unflushedShards: integer("unflushed_shards").array(),
    error: text("error"),
  },
  (t) => [index("lifecycle_ticks_tick_at").on(t.tickAt.desc())],
)

/**
 * The transactional outbox: written in the statement of its cause, delivered at least once with the
 * same key.
 */
export const notificationMessages = pgTable(
  "notification_messages",
  {
    id: id(),
    // The same event of the same cause has the same key, so a repeated statement adds nothing.
    idempotencyKey: text("idempotency_key").notNull(),
    templateId: uuid("template_id").notNull(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    labels: jsonb("labels").notNull(),
    targets: uuid("targets").array().notNull(),
    createdBy: text("created_by").notNull(),
    status: text("status").notNull().default("pending"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    lastError: text("last_error"),
    createdAt: instant("created_at").notNull(),
    deliveredAt: instant("delivered_at"),
  },
  (t) => [
    unique("notification_messages_key").on(t.idempotencyKey),
    index("notification_messages_pending")
      .on(t.nextAttemptAt)
      .where(sql`${t.status} = 'pending'`),
    index("notification_messages_created").on(t.createdAt),
    check("notification_messages_status", sql`${t.status} in ('pending', 'delivered', 'failed')`),
    check(
      "notification_messages_delivered",
      sql`(${t.status} = 'delivered') = (${t.deliveredAt} is not null)`,
    ),
  ],
)

export const inboxNotifications = pgTable(
  "inbox_notifications",
  {
    id: id(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    templateId: uuid("template_id").notNull(),
    targets: uuid("targets").array().notNull(),
    title: text("title").notNull(),
    content: text("content").notNull(),
    icon: text("icon").notNull().default(""),
    actions: jsonb("actions")
      .notNull()
      .default(sql`'[]'`),
    readAt: instant("read_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    index("inbox_notifications_created").on(t.createdAt),
    index("inbox_notifications_user").on(t.userId, t.createdAt.desc(), t.id),
    index("inbox_notifications_unread")
      .on(t.userId)
      .where(sql`${t.readAt} is null`),
  ],
)

/** The notifications that a person switched off or on. The outbox delivers the others. */
export const notificationPreferences = pgTable(
  "notification_preferences",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    templateId: uuid("template_id").notNull(),
    disabled: boolean("disabled").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.templateId] })],
)

/** Targets of notifications. A target that fails is not tried for a while, and its row says so. */
export const notificationWebhooks = pgTable("notification_webhooks", {
  id: id(),
  url: text("url").notNull(),
  // Encrypted, because every message is signed with it.
  encryptedSecret: text("encrypted_secret").notNull(),
  createdBy: uuid("created_by")
    .notNull()
    .references(() => users.id),
  createdAt: instant("created_at").notNull(),
  failures: integer("failures").notNull().default(0),
  nextAttemptAt: instant("next_attempt_at"),
  lastError: text("last_error"),
  lastSuccessAt: instant("last_success_at"),
})

/**
 * One message to one target. The target sees the message's id as its key, however often it is sent.
 */
export const notificationDeliveries = pgTable(
  "notification_deliveries",
  {
    messageId: uuid("message_id")
      .notNull()
      .references(() => notificationMessages.id, { onDelete: "cascade" }),
    webhookId: uuid("webhook_id")
      .notNull()
      .references(() => notificationWebhooks.id, { onDelete: "cascade" }),
    status: text("status").notNull().default("pending"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    lastError: text("last_error"),
    createdAt: instant("created_at").notNull(),
    deliveredAt: instant("delivered_at"),
  },
  (t) => [
    primaryKey({ columns: [t.messageId, t.webhookId] }),
    index("notification_deliveries_pending")
      .on(t.nextAttemptAt)
      .where(sql`${t.status} = 'pending'`),
    index("notification_deliveries_webhook").on(t.webhookId),
    check("notification_deliveries_status", sql`${t.status} in ('pending', 'delivered', 'failed')`),
  ],
)
