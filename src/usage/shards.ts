// Which tracker holds a workspace. An id's last byte is random, so it spreads by itself, and SQL can say the same.
import { sql, type SQL } from "drizzle-orm"

/** May change at any time: rows in shards that are no longer asked drain by their own alarms. */
export const usageShardCount = 8

export function usageShardOf(workspaceId: string): number {
  return Number.parseInt(workspaceId.slice(-2), 16) % usageShardCount
}

/** The same in SQL, for a sweep that must leave out the workspaces of shards that could not be flushed. */
export function usageShardSql(workspaceId: SQL): SQL {
  return sql`(get_byte(uuid_send(${workspaceId}), 15) % ${sql.raw(String(usageShardCount))})`
}

export function trackerOf(env: Env, workspaceId: string) {
  return trackerOfShard(env, usageShardOf(workspaceId))
}

export function trackerOfShard(env: Env, shard: number) {
  return env.USAGE_TRACKER.getByName(`usage-${shard}`)
}
