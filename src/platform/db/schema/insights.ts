// Roll-ups: small tables that the cron refreshes, so that reads never scan raw rows.
import {
  bigint,
  doublePrecision,
  index,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from "drizzle-orm/pg-core"
import { instant } from "./columns.ts"
import { users } from "./identity.ts"

/** One sample of the metrics page: counters only grow, gauges are replaced. */
export const metrics = pgTable(
  "metrics",
  {
    name: text("name").notNull(),
    labels: jsonb("labels").$type<Record<string, string>>().notNull(),
    value: doublePrecision("value").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.name, t.labels] })],
)

/**
 * How far each roll-up has come. The run that moves it locks the row, so nothing is counted twice.
 */
export const rollupMarks = pgTable("rollup_marks", {
  name: text("name").primaryKey(),
  throughAt: instant("through_at").notNull(),
  /** The last result, if that is one document. */
  document: jsonb("document"),
})

/** A person's status over time, kept by a trigger. `deleted` is the last one. */
export const userStatusChanges = pgTable(
  "user_status_changes",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    newStatus: text("new_status").notNull(),
    changedAt: instant("changed_at").notNull(),
  },
  (t) => [
    index("user_status_changes_changed").on(t.changedAt),
    index("user_status_changes_user").on(t.userId, t.changedAt),
  ],
)
