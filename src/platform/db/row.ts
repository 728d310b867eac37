// The types of rows: those of a table, and those of a CTE that one fragment offers to another.
//
// `$inferSelect` has the names of the schema's properties (`createdAt`); rows have those of the
// columns.
import { sql, type GetColumnData, type SQL } from "drizzle-orm"
import type { PgTable } from "drizzle-orm/pg-core"

/** Statements select some of the columns: `Pick<RowOf<typeof users>, "id" | "username">`. */
export type RowOf<Table extends PgTable> = {
  [Key in keyof Table["_"]["columns"] as Table["_"]["columns"][Key]["_"]["name"]]: GetColumnData<
    Table["_"]["columns"][Key]
  >
}

/** The same row inside a JSON value that the database builds: instants are texts. */
export type JsonOf<Row> = {
  [Key in keyof Row]: Date extends Row[Key] ? string | Exclude<Row[Key], Date> : Row[Key]
}

declare const row: unique symbol

/** The name of a CTE whose rows have the columns of `Row`. */
export type Relation<Row> = SQL & { readonly [row]: Row }

/** Names a CTE for the fragments that read it. The caller vouches for its columns. */
export function relation<Row>(name: string): Relation<Row> {
  return sql`${sql.identifier(name)}` as Relation<Row>
}
