// The facts of a request that the audit trail keeps.
import type { Context } from "hono"
import { clientAddress } from "../access/caller.ts"
import type { AppEnv } from "../platform/http/env.ts"
import type { AuditRequest } from "./fragment.ts"

const userAgentLengthMax = 512

export function auditRequest(c: Context<AppEnv>): AuditRequest {
  return {
    requestId: c.get("requestId"),
    ip: clientAddress(c),
    userAgent: (c.req.header("User-Agent") ?? "").slice(0, userAgentLengthMax),
    now: c.get("now"),
  }
}
