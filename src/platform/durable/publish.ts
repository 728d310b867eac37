// Telling watchers that something changed: a hint after the commit, one call a shard. What is lost costs freshness, never truth:
// each shard reads again what it watches within the minute.
import { writeEvent } from "../event.ts"
import { shardOf } from "../hash.ts"

/** How many objects share the watchers. Changing it makes clients connect again, and nothing more. */
export const feedShardCount = 8

/** What can be watched, each by the id of one thing: a workspace, a user's inbox, a job's log, what an agent tells. */
export type TopicKind = "workspace" | "inbox" | "job-log" | AgentTopicKind
export type AgentTopicKind = "agent-metadata" | "agent-log"

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

/** These jobs said something, or ended. */
export function publishJobLogs(env: Env, jobIds: readonly string[]): Promise<void> {
  return publish(env, "job-log", jobIds)
}

/** The agent reported metadata, or said something. Its watchers are held beside those of its workspace. */
export function publishAgent(
  env: Env,
  kind: AgentTopicKind,
  agent: { agent_id: string; workspace_id: string },
): Promise<void> {
  return settle([
    env.WORKSPACE_FEED.getByName(feedName(agent.workspace_id)).publish(kind, [agent.agent_id]),
  ])
}

/** The template's active version changed, and with it what its workspaces show. They may be watched in any shard. */
export function publishTemplate(env: Env, templateId: string): Promise<void> {
  const names = Array.from({ length: feedShardCount }, (_, shard) => `feed-${shard}`)
  return settle(names.map((name) => env.WORKSPACE_FEED.getByName(name).publishTemplate(templateId)))
}

/** This workspace has another latest build, or its latest ended: agents may have to go. */
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

/** Never throws: whoever publishes has already done what counts. */
async function settle(calls: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(calls)
  const failed = results.filter((result) => result.status === "rejected").length
  if (failed > 0) writeEvent({ event: "publish", outcome: "error", shards: calls.length, failed })
}
