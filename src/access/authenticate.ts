// Proves whichever credential a route takes, where a request is refused before its own statement would have proved it.
import type { Context } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import type { Actor } from "./actors.ts"
import { openAgent } from "./agent-token.ts"
import { routeClass } from "./route-class.ts"

export async function authenticate(c: Context<AppEnv>): Promise<Actor | undefined> {
  switch (routeClass(c.req.method, c.req.path)) {
    case "public":
      return undefined
    case "agent":
      return (c.get("agent") ?? (await openAgent(c, c.get("db")))).actor()
    case "provisioner":
      return c.get("provisioner").actor()
    default:
      return c.get("caller").actor()
  }
}
