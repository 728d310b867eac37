// Has the usage tracker's shards write what they hold, so that the tick does not stop people whose use is still in a buffer.

export type Unflushed = { shards: number[]; shardCount: number }

/** The shards that could not be flushed. No tracker keeps anything back yet. */
export function flushUsage(_env: Env): Promise<Unflushed> {
  return Promise.resolve({ shards: [], shardCount: 1 })
}
