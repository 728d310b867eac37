// Hints after a report: who watches an agent's workspace, metadata or logs is told to look. Lost ones cost a little delay.
import type { Context } from "hono"
import type { AgentActor } from "../access/actors.ts"
import type { AppEnv } from "../http/env.ts"
import { publishAgent, publishWorkspaces } from "../http/publish.ts"

/** The object that holds the sockets of a workspace's agents. */
export function hubOf(env: Env, workspaceId: string) {
  return env.AGENT_HUB.getByName(workspaceId)
}

/** Watchers of the workspace look again: its agents are part of it. */
export function tellAgentChanged(c: Context<AppEnv>, workspaceId: string): void {
  c.executionCtx.waitUntil(publishWorkspaces(c.env, [workspaceId]))
}

export function tellMetadataChanged(c: Context<AppEnv>, actor: AgentActor): void {
  c.executionCtx.waitUntil(publishAgent(c.env, "agent-metadata", actor))
}

export function tellLogsAdded(c: Context<AppEnv>, actor: AgentActor): void {
  c.executionCtx.waitUntil(publishAgent(c.env, "agent-log", actor))
}
