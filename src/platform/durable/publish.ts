// Notifies watchers that something changed: a hint after the commit, one call per shard.
//
// A lost hint costs freshness, never truth: each shard reads again within the minute.
import { writeEvent } from "../event.ts"
import { shardOf } from "../hash.ts"

/** How many objects share the watchers. A change only makes clients connect again. */
export const feedShardCount = 8

/** What can be watched, by its id: a workspace, a user's inbox, a job's log, an agent's reports. */
export type TopicKind = "workspace" | "inbox" | "job-log" | AgentTopicKind
export type AgentTopicKind = "agent-metadata" | "agent-log" | "agent-containers"

/** The object that holds the watchers of this thing. */
export function feedName(id: string): string {
  return `feed-${shardOf(id, feedShardCount)}`
}

/** These workspaces changed: their build, their agents, their name or their deadline. */
export function publishWorkspaces(env: Env, ids: readonly string[]): Promise<void> {
  return publish(env, "workspace", ids)
}

/** These users have something new in their inbox. */
export function publishInbox(env: Env, userIds: readonly string[]): Promise<void> {
  return publish(env, "inbox", userIds)
}

/** These jobs logged something, or ended. */
export function publishJobLogs(env: Env, jobIds: readonly string[]): Promise<void> {
  return publish(env, "job-log", jobIds)
}

/** The agent reported metadata or log lines. Its workspace's shard holds the watchers. */
export function publishAgent(
  env: Env,
  kind: AgentTopicKind,
  agent: { agent_id: string; workspace_id: string },
): Promise<void> {
  return settle([
    env.WORKSPACE_FEED.getByName(feedName(agent.workspace_id)).publish(kind, [agent.agent_id]),
  ])
}

/** The template's active version changed. Its workspaces may be watched in any shard. */
export function publishTemplate(env: Env, templateId: string): Promise<void> {
  const names = Array.from({ length: feedShardCount }, (_, shard) => `feed-${shard}`)
  return settle(names.map((name) => env.WORKSPACE_FEED.getByName(name).publishTemplate(templateId)))
}

/** This workspace has a new latest build, or its latest ended: agents may have to disconnect. */
export function publishBuildChange(env: Env, workspaceId: string): Promise<void> {
  return settle([env.AGENT_HUB.getByName(workspaceId).buildChanged()])
}

function publish(env: Env, kind: TopicKind, ids: readonly string[]): Promise<void> {
  const byShard = Map.groupBy(new Set(ids), feedName)
  return settle(
    [...byShard].map(([name, shardIds]) =>
      env.WORKSPACE_FEED.getByName(name).publish(kind, shardIds),
    ),
  )
}

/** Never throws: the publisher has already committed. */
async function settle(calls: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(calls)
  const failed = results.filter((result) => result.status === "rejected").length
  if (failed > 0) writeEvent({ event: "publish", outcome: "error", shards: calls.length, failed })
}
