// Authentication ahead of a route's own statement.
import type { Context, MiddlewareHandler } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import type { Actor } from "./actors.ts"
import { openAgent } from "./agent-token.ts"
import { parseApiKey, presentedToken } from "./caller.ts"
import { routeClass } from "./route-class.ts"

/** Proves the credential that the route takes, for a request refused before its own statement. */
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

/**
 * Answers 401 to a request without a well-formed user token, before its body is read.
 *
 * The first statement of the route then proves the token. `isRouted` keeps unknown paths 404.
 */
export const requireToken =
  (isRouted: (method: string, path: string) => boolean): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const { method, path } = c.req
    if (routeClass(method, path) !== "user") return next()
    const key = parseApiKey(presentedToken(c))
    if (key instanceof ApiError && isRouted(method, path)) throw key
    return next()
  }
