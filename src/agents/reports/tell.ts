// Hints after a report: who watches an agent's workspace, metadata or logs is told to look. Lost ones cost a little delay.
import type { Context } from "hono"
import type { AgentActor } from "../../access/actors.ts"
import type { AppEnv } from "../../platform/http/env.ts"
import { publishAgent, publishWorkspaces } from "../../platform/durable/publish.ts"

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
