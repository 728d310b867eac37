// Which tracker a workspace belongs to.
import { shardOf } from "../../platform/hash.ts"

/** May change at any time: the rows of shards that are no longer used drain by their own alarms. */
export const usageShardCount = 8

/** The same as `stable_hash(id::text) % count` in SQL, which a sweep uses to leave out shards. */
export function usageShardOf(workspaceId: string): number {
  return shardOf(workspaceId, usageShardCount)
}

export function trackerOf(env: Env, workspaceId: string) {
  return trackerOfShard(env, usageShardOf(workspaceId))
}

export function trackerOfShard(env: Env, shard: number) {
  return env.USAGE_TRACKER.getByName(`usage-${shard}`)
}

/**
 * The shard of an object's name. Null if the shard is no longer used or the name is not a
 * shard's.
 */
export function shardOfName(name: string | undefined): number | null {
  const shard = Number(/^usage-(\d+)$/.exec(name ?? "")?.[1] ?? Number.NaN)
  return shard < usageShardCount ? shard : null
}
