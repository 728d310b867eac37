// 405 for a path that is routed under other methods only.
//
// Hono's method-not-allowed joins the methods of every route that matches, so `Allow` would promise
// `DELETE /templates/examples` because `DELETE /templates/{template}` exists. Here the most literal
// path decides, and it decides before its neighbour complains that "examples" is no UUID.
import type { MiddlewareHandler } from "hono"
import type { RouterRoute } from "hono/types"
import { TrieRouter } from "hono/router/trie-router"
import type { AppEnv } from "./env.ts"

type PathMethods = { path: string; methods: Set<string> }

/** The methods of the most literal route that a path matches; empty for a path without a route. */
export function routedMethods(app: { routes: RouterRoute[] }): (path: string) => string[] {
  let router: TrieRouter<PathMethods> | undefined
  return (path) => {
    router ??= routerOf(app.routes)
    const matching = router.match("ALL", path)[0].map(([found]) => found)
    const best = matching.toSorted((a, b) => parameterCount(a.path) - parameterCount(b.path))[0]
    return [...(best?.methods ?? [])].toSorted()
  }
}

const parameterCount = (path: string) => path.split("/:").length

function routerOf(routes: readonly RouterRoute[]): TrieRouter<PathMethods> {
  const byPath = Map.groupBy(
    routes.filter(({ method, path }) => method !== "ALL" && !path.includes("*")),
    ({ path }) => path,
  )
  const router = new TrieRouter<PathMethods>()
  for (const [path, found] of byPath) {
    const methods = new Set(found.map(({ method }) => method))
    if (methods.has("GET")) methods.add("HEAD")
    router.add("ALL", path, { path, methods })
  }
  return router
}

/** Answers 405 with the methods that the path has. Its body is empty, as the reference's is. */
export const refuseMethod =
  (methodsOf: (path: string) => string[]): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const methods = methodsOf(c.req.path)
    if (methods.length === 0 || methods.includes(c.req.method)) return next()
    return c.body(null, 405, { Allow: methods.join(", ") })
  }
