// Who asked, as the audit trail keeps it.
import type { Context } from "hono"
import type { AppEnv } from "../http/env.ts"
import type { AuditRequest } from "./fragment.ts"

const userAgentLengthMax = 512

export function auditRequest(c: Context<AppEnv>): AuditRequest {
  return {
    requestId: c.get("requestId"),
    ip: c.req.header("CF-Connecting-IP") ?? "",
    userAgent: (c.req.header("User-Agent") ?? "").slice(0, userAgentLengthMax),
    now: c.get("now"),
  }
}
