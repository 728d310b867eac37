// Has the trackers write what they hold, before a sweep stops or dorms anything (architecture, decision 5).
import { trackerOfShard, usageShardCount } from "./shards.ts"

export const flushWaitMsMax = 5_000

/** Flushes every shard, each within a bound. The shards that could not are those whose workspaces' use is not known. */
export async function flushUsage(
  env: Env,
  waitMs = flushWaitMsMax,
): Promise<{ flushed: number; failedShards: number[] }> {
  const shards = Array.from({ length: usageShardCount }, (_, shard) => shard)
  const reports = await Promise.all(shards.map((shard) => flushShard(env, shard, waitMs)))
  return {
    flushed: reports.reduce((sum, report) => sum + (report?.used ?? 0), 0),
    failedShards: shards.filter((shard) => reports[shard] === null),
  }
}

async function flushShard(env: Env, shard: number, waitMs: number): Promise<{ used: number } | null> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), waitMs)
    })
    const report = await Promise.race([trackerOfShard(env, shard).flush(), late])
    return report?.ok ? { used: report.used } : null
  } catch {
    return null
  } finally {
    clearTimeout(timer)
  }
}
