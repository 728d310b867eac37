// Hints after a report: who watches an agent's workspace, metadata or logs is told to look. Lost ones cost a little delay.
import type { Context } from "hono"
import type { AgentActor } from "../access/actors.ts"
import type { AppEnv } from "../http/env.ts"
import { publishWorkspaces } from "../http/publish.ts"

/** The object that holds a workspace's sockets: its agents' and those of who watches them. */
export function hubOf(env: Env, workspaceId: string) {
  return env.AGENT_HUB.getByName(workspaceId)
}

/** Watchers of the workspace look again: its agents are part of it. */
export function tellAgentChanged(c: Context<AppEnv>, workspaceId: string): void {
  c.executionCtx.waitUntil(publishWorkspaces(c.env, [workspaceId]))
}

export function tellMetadataChanged(c: Context<AppEnv>, actor: AgentActor): void {
  c.executionCtx.waitUntil(hubOf(c.env, actor.workspace_id).metadataChanged(actor.agent_id))
}

export function tellLogsAdded(c: Context<AppEnv>, actor: AgentActor): void {
  c.executionCtx.waitUntil(hubOf(c.env, actor.workspace_id).logsAdded(actor.agent_id))
}
