// Which kind of credential a route takes. A user's, unless it is named here; the rest of the API is closed.

export type RouteClass = "public" | "user" | "agent" | "provisioner" | "user-or-agent"

const isPublic = new Set([
  "GET /api/v2",
  "GET /api/v2/",
  "GET /api/v2/auth/scopes",
  "GET /api/v2/buildinfo",
  "GET /api/v2/entitlements",
  "GET /api/v2/updatecheck",
  "GET /api/v2/users/authmethods",
  "GET /api/v2/users/first",
  // These two prove themselves by what is in them: a setup token, a password.
  "POST /api/v2/users/first",
  "POST /api/v2/users/login",
])

export function routeClass(method: string, path: string): RouteClass {
  // Outside the prefix are pages, probes and metrics, which have rules of their own.
  if (!path.startsWith("/api/v2") || isPublic.has(`${method} ${path}`)) return "public"
  if (/^\/api\/v2\/init-script(\/|$)/.test(path)) return "public"
  if (path.startsWith("/api/v2/workspaceagents/me/")) return "agent"
  if (/^\/api\/v2\/provisionerdaemons(\/|$)/.test(path)) return "provisioner"
  return path === "/api/v2/appearance" ? "user-or-agent" : "user"
}
