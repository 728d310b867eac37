// The kind of credential that each route takes: a user's, unless the route is listed here.

export type RouteClass = "public" | "user" | "agent" | "provisioner" | "user-or-agent"

const isPublic = new Set([
  "GET /api/v2",
  "GET /api/v2/auth/scopes",
  "GET /api/v2/buildinfo",
  "GET /api/v2/entitlements",
  "GET /api/v2/updatecheck",
  "GET /api/v2/users/authmethods",
  "GET /api/v2/users/first",
  // The bodies of these two carry their own proof: a setup token, a password.
  "POST /api/v2/users/first",
  "POST /api/v2/users/login",
  // The page that creates the first user asks it before anybody can sign in.
  "POST /api/v2/users/validate-password",
])

export function routeClass(method: string, path: string): RouteClass {
  // Pages, probes and metrics are outside the prefix and have their own rules.
  if (!path.startsWith("/api/v2") || isPublic.has(`${method} ${path}`)) return "public"
  if (/^\/api\/v2\/init-script(\/|$)/.test(path)) return "public"
  if (path.startsWith("/api/v2/workspaceagents/me/")) return "agent"
  if (/^\/api\/v2\/provisionerdaemons(\/|$)/.test(path)) return "provisioner"
  return path === "/api/v2/appearance" ? "user-or-agent" : "user"
}
