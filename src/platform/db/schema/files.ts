// Uploaded archives, by record; the bytes are in R2.
import { bigint, pgTable, text, unique, uuid } from "drizzle-orm/pg-core"
import { id, instant } from "./columns.ts"
import { users } from "./identity.ts"

/** The record of an uploaded archive. Its bytes are in R2 under `hash`, once per content. */
export const files = pgTable(
  "files",
  {
    id: id(),
    hash: text("hash").notNull(),
    mimetype: text("mimetype").notNull(),
    sizeBytes: bigint("size_bytes", { mode: "number" }).notNull(),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [unique("files_hash_creator").on(t.hash, t.createdBy)],
)
