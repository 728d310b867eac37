// How fast the database answers.
import { sql } from "drizzle-orm"
import { statement, type Database } from "../../platform/db/client.ts"

/** A slower answer is reported. A round trip in the database's own region takes a third. */
export const databaseThresholdMs = 100

const ping = statement<{ one: number }>("health.ping", sql`select 1 as one`)

/** One round trip of a statement that does nothing, in whole milliseconds. */
export async function databaseLatencyMs(db: Database): Promise<number> {
  const startedAt = performance.now()
  await db.all(ping)
  return Math.round(performance.now() - startedAt)
}
