// A session without its secret: long-lived connections are reviewed by the id of their key.
import { sql } from "drizzle-orm"
import { statement, type Statement } from "../platform/db/client.ts"

/** A right that has ended closes its connections within a minute, the reading included. */
export const reviewIntervalMs = 45_000
/** The time until a review that failed is tried again. */
export const reviewRetryMs = 10_000

/** Publishes the session as the transaction's actor if it is still valid. Writes nothing. */
export function watchAs(keyId: string, now: Date): Statement<{ holds: boolean }> {
  return statement("access.watch-as", sql`select watch_as(${keyId}, ${now}::timestamptz) as holds`)
}
