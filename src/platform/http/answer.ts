// Answers in wire JSON.
import type { Context } from "hono"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import type { AppEnv } from "./env.ts"
import { jsonType, wireJson } from "./json.ts"

/** Answers with wire JSON. */
export function sendJson(
  c: Context<AppEnv>,
  value: unknown,
  status: ContentfulStatusCode = 200,
  headers: Record<string, string> = {},
) {
  return c.body(wireJson(value), status, { "Content-Type": jsonType, ...headers })
}

/**
 * Makes `c.json` write wire JSON. Handlers keep calling `c.json`, because its return type is what
 * ties a handler to the answers that its route declares.
 */
export function writeWireJson(c: Context<AppEnv>): void {
  const json = (value: unknown, status?: ContentfulStatusCode, headers?: Record<string, string>) =>
    sendJson(c, value, status, headers)
  Object.assign(c, { json })
}
