// Flushes the trackers before a sweep stops workspaces or makes them dormant.
import { trackerOfShard, usageShardCount } from "./shards.ts"

const flushWaitMsMax = 5_000

/** The shards that could not be flushed. The known use of their workspaces may be out of date. */
export type Unflushed = { shards: number[]; shardCount: number }

/** Flushes every shard, each within a time limit. */
export async function flushUsage(env: Env, waitMs = flushWaitMsMax): Promise<Unflushed> {
  const shards = Array.from({ length: usageShardCount }, (_, shard) => shard)
  const isFlushed = await Promise.all(shards.map((shard) => flushShard(env, shard, waitMs)))
  return { shards: shards.filter((shard) => !isFlushed[shard]), shardCount: usageShardCount }
}

async function flushShard(env: Env, shard: number, waitMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), waitMs)
    })
    const report = await Promise.race([trackerOfShard(env, shard).flush(), late])
    return report?.ok === true
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}
