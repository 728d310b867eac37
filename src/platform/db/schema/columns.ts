// Column kinds that every table shares: instants, durations, bytes.
//
// Instants keep milliseconds, the precision of JavaScript's Date. So a value that is read and bound
// again compares equal in a compare-and-set.
import { bigint, customType, timestamp, uuid } from "drizzle-orm/pg-core"

/** An instant, stored as `timestamptz(3)`. "No value" is null, never a zero time. */
export const instant = <Name extends string>(name: Name) =>
  timestamp(name, { withTimezone: true, precision: 3, mode: "date" })

/** A duration in whole milliseconds; the name ends in `_ms`. */
export const durationMs = <Name extends string>(name: Name) => bigint(name, { mode: "number" })

export const bytea = customType<{ data: Uint8Array; driverData: string }>({
  dataType: () => "bytea",
})

export const id = () => uuid("id").primaryKey()
