// What the routes of the agent's own side share: their prefix, their tag, their errors.
import { z } from "@hono/zod-openapi"
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
