// Which tracker holds a workspace.
import { shardOf } from "../../platform/hash.ts"

/** May change at any time: rows in shards that are no longer asked drain by their own alarms. */
export const usageShardCount = 8

/** `stable_hash(id::text) % count` in SQL, for a sweep that must leave out the workspaces of some shards. */
export function usageShardOf(workspaceId: string): number {
  return shardOf(workspaceId, usageShardCount)
}

export function trackerOf(env: Env, workspaceId: string) {
  return trackerOfShard(env, usageShardOf(workspaceId))
}

export function trackerOfShard(env: Env, shard: number) {
  return env.USAGE_TRACKER.getByName(`usage-${shard}`)
}

/** The shard of an object's name; null for one that is no longer asked, or no shard at all. */
export function shardOfName(name: string | undefined): number | null {
  const shard = Number(/^usage-(\d+)$/.exec(name ?? "")?.[1] ?? Number.NaN)
  return shard < usageShardCount ? shard : null
}
