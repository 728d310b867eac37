// Asks each usage tracker how much it holds.
//
// A shard that does not answer in time is left out and so shows as absent.
import type { Sample } from "../../metrics/store.ts"
import { trackerOfShard, usageShardCount } from "../../usage/tracker/shards.ts"

const waitMsMax = 2_000

export async function gaugeTrackers(env: Env, now: Date): Promise<Sample[]> {
  const shards = Array.from({ length: usageShardCount }, (_, shard) =>
    gaugeTracker(env, shard, now),
  )
  return (await Promise.all(shards)).flat()
}

async function gaugeTracker(env: Env, shard: number, now: Date): Promise<Sample[]> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), waitMsMax)
    })
    const waiting = await Promise.race([trackerOfShard(env, shard).waiting(), late])
    if (waiting === null) return []
    const labels = { shard: String(shard) }
    const lagMs = waiting.oldestAtMs === null ? 0 : Math.max(now.getTime() - waiting.oldestAtMs, 0)
    return [
      { name: "dormouse_usage_tracker_depth", labels, value: waiting.rows },
      { name: "dormouse_usage_flush_lag_seconds", labels, value: lagMs / 1000 },
    ]
  } catch {
    return []
  } finally {
    clearTimeout(timer)
  }
}
