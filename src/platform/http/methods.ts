// 405 where a path exists under another method (api.md 0.4), 404 where it does not exist at all.
import type { OpenAPIHono } from "@hono/zod-openapi"
import type { AppEnv } from "./env.ts"

/** The methods that a path is routed under; empty for a path that no route has. */
export function routedMethods(app: OpenAPIHono<AppEnv>): (path: string) => string[] {
  let patterns: { method: string; expression: RegExp }[] | undefined
  return (path) => {
    patterns ??= app.routes
      .filter((route) => route.method !== "ALL" && !route.path.includes("*"))
      .map((route) => ({
        method: route.method,
        expression: new RegExp(
          `^${route.path.replace(/[.+?^$()|[\]\\]/g, "\\$&").replace(/:[^/{]+(\{[^}]*\})?/g, "[^/]+")}$`,
        ),
      }))
    return [
      ...new Set(
        patterns.filter(({ expression }) => expression.test(path)).map(({ method }) => method),
      ),
    ]
  }
}
