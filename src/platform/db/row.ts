// The type of a table's rows, under the column names that statements return.
//
// `$inferSelect` has the names of the schema's properties (`createdAt`); rows have those of the columns.
import type { GetColumnData } from "drizzle-orm"
import type { PgTable } from "drizzle-orm/pg-core"

/** Statements select some of the columns: `Pick<RowOf<typeof users>, "id" | "username">`. */
export type RowOf<Table extends PgTable> = {
  [Key in keyof Table["_"]["columns"] as Table["_"]["columns"][Key]["_"]["name"]]: GetColumnData<
    Table["_"]["columns"][Key]
  >
}
