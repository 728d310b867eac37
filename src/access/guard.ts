// The door of the API: a route that takes a person's token answers 401 to a request without a well-formed one, before its body is
// read or the database is asked. Whether the token is good is for its first statement to say.
import type { MiddlewareHandler } from "hono"
import type { AppEnv } from "../platform/http/env.ts"
import { ApiError } from "../platform/http/errors.ts"
import { parseApiKey, presentedToken } from "./caller.ts"
import { routeClass } from "./route-class.ts"

/** `isRouted` keeps what does not exist a 404. */
export const requireToken =
  (isRouted: (method: string, path: string) => boolean): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const { method, path } = c.req
    if (routeClass(method, path) !== "user") return next()
    const key = parseApiKey(presentedToken(c))
    if (key instanceof ApiError && isRouted(method, path)) throw key
    return next()
  }
