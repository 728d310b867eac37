// The body of a usage ping: none, empty, `{}`, nil values, or an agent and an application.
import { messageOf } from "../platform/event.ts"
import { badRequest, type ApiError } from "../platform/http/errors.ts"
import { nilUuid } from "../platform/http/wire.ts"
import { usageApps, type UsageApp } from "./tracker/mark.ts"

export type PingBody = { agentId: string; app: UsageApp } | null

const uuidPattern = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/

/** The body, or the error to answer after the workspace was marked as used. */
export function readPingBody(
  text: string,
): { ok: true; body: PingBody } | { ok: false; error: ApiError } {
  if (text.trim() === "") return { ok: true, body: null }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return {
      ok: false,
      error: malformedBody(messageOf(error)),
    }
  }
  if (parsed === null) return { ok: true, body: null }
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    return { ok: false, error: malformedBody("the body must be an object") }
  }
  const { agent_id, app_name } = parsed as { agent_id?: unknown; app_name?: unknown }
  if (!isAbsentOr(agent_id, (value) => value === "" || uuidPattern.test(value))) {
    return { ok: false, error: malformedBody('field "agent_id": must be a UUID') }
  }
  if (!isAbsentOr(app_name, () => true))
    return { ok: false, error: malformedBody('field "app_name": must be a string') }
  const agentId = typeof agent_id === "string" && agent_id !== nilUuid ? agent_id.toLowerCase() : ""
  const appName = typeof app_name === "string" ? app_name : ""
  if (agentId === "" && appName === "") return { ok: true, body: null }
  if (agentId === "") return invalid("agent_id", "must be set when app_name is set")
  if (appName === "") return invalid("app_name", "must be set when agent_id is set")
  const app = usageApps.find((known) => known === appName)
  if (app === undefined) return invalid("app_name", `must be one of [${usageApps.join(" ")}]`)
  return { ok: true, body: { agentId, app } }
}

function isAbsentOr(value: unknown, isValid: (text: string) => boolean): boolean {
  return value === undefined || value === null || (typeof value === "string" && isValid(value))
}

function invalid(field: string, detail: string): { ok: false; error: ApiError } {
  return { ok: false, error: badRequest("Invalid request", { validations: [{ field, detail }] }) }
}

const malformedBody = (detail: string) => badRequest("Request body must be valid JSON.", { detail })
