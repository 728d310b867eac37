// Telling watchers that something changed: a hint after the commit, one call a shard. What is lost costs freshness, never truth:
// each shard reads again what it watches within the minute.
import { shardOf } from "../http/stable-hash.ts"

/** How many objects share the watchers. Changing it makes clients connect again, and nothing more. */
export const feedShardCount = 8

/** What can be watched, each by the id of one thing. */
export type TopicKind = "workspace" | "agent-metadata" | "agent-logs" | "build-logs" | "inbox"

export function feedName(id: string): string {
  return `feed-${shardOf(id, feedShardCount)}`
}

/** These workspaces changed: their build, their agents, their name or their deadline. */
export function publishWorkspaces(env: Env, ids: readonly string[]): Promise<void> {
  return publish(env, "workspace", ids)
}

/** Never throws: whoever publishes has already done what counts. */
export async function publish(env: Env, kind: TopicKind, ids: readonly string[]): Promise<void> {
  const byShard = Map.groupBy(new Set(ids), feedName)
  await Promise.allSettled(
    [...byShard].map(([name, shardIds]) => env.WORKSPACE_FEED.getByName(name).publish(kind, shardIds)),
  )
}
