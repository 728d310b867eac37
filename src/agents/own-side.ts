// What the routes of the agent's own side share: prefix, tag, errors, and hints to watchers.
import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { AgentActor } from "../access/actors.ts"
import { publishAgent, publishWorkspaces } from "../platform/durable/publish.ts"
import type { AppEnv } from "../platform/http/env.ts"
import { errors, jsonBody } from "../platform/http/wire.ts"

const base = "/workspaceagents/me"

export function agentRoute<M extends "get" | "post" | "patch" | "delete", P extends string>(
  method: M,
  path: P,
  summary: string,
) {
  return { method, path: `${base}${path}` as const, tags: ["Agents"], summary }
}

export const agentErrors = errors(400, 401, 503)
export const written = jsonBody(z.null(), "Written.")

// A hint that is lost costs a little delay: watchers read everything again each minute.

/** Notifies the watchers of the workspace: its agents are part of it. */
export function notifyAgentChanged(c: Context<AppEnv>, workspaceId: string): void {
  c.executionCtx.waitUntil(publishWorkspaces(c.env, [workspaceId]))
}

export function notifyMetadataChanged(c: Context<AppEnv>, actor: AgentActor): void {
  c.executionCtx.waitUntil(publishAgent(c.env, "agent-metadata", actor))
}

export function notifyLogsAdded(c: Context<AppEnv>, actor: AgentActor): void {
  c.executionCtx.waitUntil(publishAgent(c.env, "agent-log", actor))
}
