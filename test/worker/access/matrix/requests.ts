// A valid request for each route: bodies, queries and headers for a place.
import { unique } from "../../rows.ts"
import type { Place } from "./place.ts"

export type Operation = { method: string; path: string }

type Details = {
  /** Values of path parameters that replace the default ones. */
  values?: Record<string, string>
  body?: unknown
  query?: Record<string, string>
  headers?: Record<string, string>
  /** The status of success if it is neither 2xx nor a socket. */
  answer?: number
}

export type RouteRequest = Details & { url: string }

const socket = { headers: { Upgrade: "websocket" } }
const at = "2026-03-04T09:30:00Z"
const day = { start_time: "2026-03-02T00:00:00Z", end_time: "2026-03-03T00:00:00Z" }
const newWorkspace = (place: Place) => ({
  body: { name: `w-${unique(8)}`, template_id: place.templateId },
})

const details: Record<string, (place: Place) => Details> = {
  "POST /authcheck": () => ({
    body: { checks: { any: { object: { resource_type: "workspace" }, action: "read" } } },
  }),
  "POST /users/login": (place) => ({
    body: { email: place.self.email, password: place.selfPassword },
  }),
  "POST /users/first": () => ({
    body: { email: "second@example.test", username: "second", password: "correct-Horse-9-battery" },
    answer: 409,
  }),
  "POST /users/validate-password": () => ({ body: { password: "correct-Horse-9-battery" } }),
  "POST /users/{user}/keys/tokens": () => ({ body: { token_name: `t-${unique(8)}` } }),
  "POST /users": (place) => ({
    body: {
      email: `${unique(8)}@example.test`,
      username: `u-${unique(8)}`,
      password: "correct-Horse-9-battery",
      organization_ids: [place.params["organization"]],
    },
  }),
  "POST /organizations/{organization}/members/{user}": (place) => ({
    values: { user: place.newcomer.username },
  }),
  "PUT /organizations/{organization}/members/{user}/roles": () => ({ body: { roles: [] } }),
  // The account still owns workspaces.
  "DELETE /users/{user}": () => ({ answer: 417 }),
  "DELETE /templates/{id}": () => ({ answer: 400 }),
  // No statistics exist yet.
  "GET /deployment/stats": () => ({ answer: 400 }),
  "PUT /users/{user}/profile": (place) => ({
    body: { username: place.self.username, name: "A Name" },
  }),
  "PUT /users/{user}/appearance": () => ({
    body: { theme_preference: "dark", terminal_font: "" },
  }),
  "PUT /users/{user}/preferences": () => ({ body: { thinking_display_mode: "preview" } }),
  "PUT /users/{user}/notifications/preferences": () => ({ body: { template_disabled_map: {} } }),
  "PUT /users/{user}/password": (place) => ({
    body: { password: "another-Horse-7-stable", old_password: place.selfPassword },
  }),
  "PUT /users/{user}/roles": () => ({ body: { roles: [] } }),
  "PUT /users/{user}/quiet-hours": () => ({ body: { schedule: "CRON_TZ=UTC 0 2 * * *" } }),
  "GET /users/{user}/autofill-parameters": (place) => ({
    query: { template_id: place.templateId },
  }),
  "PUT /notifications/inbox/{id}/read-status": () => ({ body: { is_read: true } }),
  "GET /notifications/inbox/watch": () => socket,
  "POST /notifications/webhooks": () => ({ body: { url: "https://hooks.example.test/new" } }),
  "POST /workspaces/usage": (place) => ({ body: { workspace_ids: [place.params["workspace"]] } }),
  "POST /workspaces/app-stats": (place) => ({
    body: {
      stats: [
        {
          session_id: crypto.randomUUID(),
          user_id: place.self.id,
          workspace_id: place.params["workspace"],
          agent_id: place.agent.id,
          access_method: "path",
          slug_or_port: "code",
          session_started_at: "2026-03-04T08:59:00Z",
          requests: 1,
        },
      ],
    },
  }),
  "PATCH /workspaces/{workspace}": () => ({ body: {} }),
  "POST /users/{user}/workspaces": newWorkspace,
  "POST /organizations/{organization}/members/{user}/workspaces": newWorkspace,
  "PUT /workspaces/{workspace}/autostart": () => ({
    body: { schedule: "CRON_TZ=UTC 30 9 * * 1-5" },
  }),
  "PUT /workspaces/{workspace}/ttl": () => ({ body: { ttl_ms: 3_600_000 } }),
  "PUT /workspaces/{workspace}/extend": () => ({ body: { deadline: "2026-03-04T19:00:00Z" } }),
  "PUT /workspaces/{workspace}/dormant": () => ({ body: { dormant: true } }),
  "PUT /workspaces/{workspace}/autoupdates": () => ({ body: { automatic_updates: "always" } }),
  "GET /workspaces/{workspace}/watch-ws": () => socket,
  "POST /workspaces/{workspace}/builds": () => ({ body: { transition: "stop" } }),
  "PATCH /workspacebuilds/{build}/cancel": (place) => ({ values: { build: place.heldBuildId } }),
  "PUT /workspacebuilds/{build}/state": () => ({ body: { state: "e30=" } }),
  "GET /workspaceagents/{agent}/watch-metadata-ws": () => socket,
  "GET /workspaceagents/{agent}/containers/watch": () => socket,
  "PUT /appearance": () => ({ body: { application_name: "Ours", announcement_banners: [] } }),
  "PUT /debug/health/settings": () => ({ body: { dismissed_healthchecks: [] } }),
  // This agent holds no socket.
  "GET /workspaceagents/{agent}/forward": () => ({ ...socket, answer: 409 }),
  // The server speaks another protocol to agents and answers 400.
  "GET /workspaceagents/me/rpc": () => ({ answer: 400 }),
  "POST /workspaceagents/me/metadata": () => ({
    body: { metadata: [{ key: "cpu", value: "1", error: "", collected_at: at, age: 0 }] },
  }),
  "POST /workspaceagents/me/metadata/{key}": () => ({
    body: { value: "1", error: "", collected_at: at, age: 0 },
  }),
  "POST /workspaceagents/me/startup": () => ({
    body: { version: "v2.36.0", expanded_directory: "/", subsystems: [] },
  }),
  "POST /workspaceagents/me/report-stats": () => ({ body: { connection_count: 0 } }),
  "POST /workspaceagents/me/report-lifecycle": () => ({ body: { state: "ready", changed_at: at } }),
  "POST /workspaceagents/me/app-health": (place) => ({
    body: { healths: { [place.appId]: "healthy" } },
  }),
  "PATCH /workspaceagents/me/app-status": () => ({
    body: { app_slug: "code", state: "working", message: "compiling", uri: "" },
  }),
  "POST /workspaceagents/me/script-completed": (place) => ({
    body: {
      script_id: place.scriptId,
      started_at: at,
      ended_at: at,
      exit_code: 0,
      stage: "start",
      status: "ok",
    },
  }),
  "PATCH /workspaceagents/me/logs": () => ({
    body: { logs: [{ created_at: at, output: "a line", level: "info" }] },
  }),
  "POST /workspaceagents/me/log-source": () => ({
    body: { id: crypto.randomUUID(), display_name: "Source", icon: "" },
  }),
  "POST /workspaceagents/me/sub-agents": () => ({ body: { name: `sub-${unique(8)}` } }),
  // No external service is configured.
  "GET /workspaceagents/me/external-auth": () => ({ query: { match: "git.test" }, answer: 404 }),
  "GET /workspaceagents/me/connect": (place) => ({
    ...socket,
    query: { workspace_id: place.params["workspace"] ?? "" },
  }),
  "GET /workspaceagents/me/relay/{session}": () => socket,
  "POST /files": () => ({
    body: new Uint8Array(1024),
    headers: { "Content-Type": "application/x-tar" },
  }),
  "POST /organizations/{organization}/templateversions": (place) => ({
    body: { storage_method: "file", provisioner: "terraform", file_id: place.fileId },
  }),
  "PATCH /templateversions/{id}": () => ({ body: { name: `v-${unique(8)}`, message: "" } }),
  "PATCH /templates/{id}/versions": (place) => ({ body: { id: place.spareVersionId } }),
  "POST /templates/{id}/versions/archive": () => ({ body: { all: false } }),
  "PATCH /templateversions/{id}/cancel": (place) => ({ values: { id: place.pendingVersionId } }),
  "POST /templateversions/{id}/archive": (place) => ({ values: { id: place.spareVersionId } }),
  "POST /templateversions/{id}/unarchive": (place) => ({ values: { id: place.archivedVersionId } }),
  "POST /templateversions/{id}/dry-run": () => ({ body: {} }),
  "POST /templateversions/{id}/dynamic-parameters/evaluate": () => ({ body: { id: 1 } }),
  // The job has always ended, so it cannot be canceled.
  "PATCH /templateversions/{id}/dry-run/{job}/cancel": () => ({ answer: 400 }),
  "POST /organizations/{organization}/templates": (place) => ({
    body: { name: `t-${unique(8)}`, template_version_id: place.looseVersionId },
  }),
  "PATCH /templates/{id}": () => ({ body: { description: "Changed." } }),
  "PUT /prebuilds/settings": () => ({ body: { reconciliation_paused: false } }),
  "GET /insights/templates": (place) => ({ query: { ...day, template_ids: place.templateId } }),
  "GET /insights/user-activity": (place) => ({ query: { ...day, template_ids: place.templateId } }),
  "GET /insights/user-latency": (place) => ({ query: { ...day, template_ids: place.templateId } }),
  "GET /insights/running-time": (place) => ({
    query: { ...day, workspace_id: place.params["workspace"] ?? "" },
  }),
  "POST /organizations/{organization}/provisionerkeys": () => ({
    body: { name: `k-${unique(8)}`, tags: {} },
  }),
  "POST /provisionerdaemons": () => ({
    body: { name: `d-${unique(8)}`, provisioners: ["terraform"] },
  }),
  "GET /provisionerdaemons/{daemon}/listen": () => socket,
  "POST /provisionerdaemons/{daemon}/jobs/{job}/update": () => ({ body: { logs: [] } }),
  "POST /provisionerdaemons/{daemon}/jobs/{job}/complete": () => ({
    body: { type: "workspace_build", resources: [] },
  }),
  "POST /provisionerdaemons/{daemon}/jobs/{job}/fail": () => ({ body: { error: "it failed" } }),
}

/** The thing of a place that a parameter names, by the path before it. The first match counts. */
const meanings: [RegExp, string][] = [
  [/\/templates\/\{template\}\/versions\/\{name\}\/previous$/, "spareversionname"],
  [/\/versions\/\{name\}$/, "versionname"],
  [/^\/organizations\/\{organization\}\/templates\/\{(template|name)\}$/, "templatename"],
  [/\/provisionerkeys\/\{name\}$/, "provisionerkey"],
  [/^\/templates\/\{id\}$/, "template"],
  [/^\/templateversions\/\{id\}$/, "version"],
  [/^\/files\/\{id\}$/, "file"],
  [/\/inbox\/\{id\}$/, "notice"],
  [/\/webhooks\/\{id\}$/, "webhook"],
  [/\/dry-run\/\{job\}$/, "dryrun"],
  [/^\/provisionerdaemons\/.*\/\{job\}$/, "heldjob"],
  [/\/external-agent\/\{agent\}$/, "agentname"],
  [/\/sub-agents\/\{agent\}$/, "subagent"],
  [/^\/users\/\{user\}\/workspace\/\{workspace\}$/, "workspacename"],
]

/** Operations that work once for each thing. */
const usesUp = new Set([
  "DELETE /workspaceagents/me/sub-agents/{agent}",
  "DELETE /notifications/webhooks/{id}",
  "DELETE /organizations/{organization}/members/{user}",
  "DELETE /organizations/{organization}/provisionerkeys/{name}",
  "DELETE /users/{user}/keys/{keyid}",
  "PATCH /templateversions/{id}/cancel",
  "PATCH /workspacebuilds/{build}/cancel",
  "POST /organizations/{organization}/members/{user}",
  "POST /organizations/{organization}/templates",
  "POST /provisionerdaemons/{daemon}/jobs/{job}/complete",
  "POST /provisionerdaemons/{daemon}/jobs/{job}/fail",
  "POST /templateversions/{id}/archive",
  "POST /templateversions/{id}/unarchive",
  "POST /users/logout",
  "POST /workspaces/{workspace}/builds",
  "PUT /users/{user}/keys/{keyid}/expire",
  "PUT /users/{user}/password",
  "PUT /users/{user}/status/suspend",
  "PUT /workspaces/{workspace}/dormant",
])

export const isOnce = (operation: Operation): boolean => usesUp.has(routeOf(operation))

export const routeOf = ({ method, path }: Operation): string => `${method} ${path}`

export type PathParam = { name: string; meaning: string }

export function paramsOf(path: string): PathParam[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(({ 0: braces, 1: name = "", index }) => {
    const upTo = path.slice(0, index + braces.length)
    // The path ends in /previous: the name is that of the later version.
    const isPrevious = path.endsWith("/previous") && name === "name"
    const found = isPrevious
      ? "spareversionname"
      : meanings.find(([pattern]) => pattern.test(upTo))?.[1]
    return { name, meaning: found ?? name }
  })
}

/** The request of an operation for a place; `values` replace some of its parameters. */
export function requestOf(
  operation: Operation,
  place: Place,
  values: Record<string, string> = {},
): RouteRequest {
  const { path } = operation
  const found = details[routeOf(operation)]?.(place) ?? {}
  let url = path
  for (const { name, meaning } of paramsOf(path)) {
    const value = values[name] ?? found.values?.[name] ?? place.params[meaning]
    if (value === undefined) throw new Error(`nothing stands for {${name}} of ${path}`)
    url = url.replace(`{${name}}`, encodeURIComponent(value))
  }
  const query = new URLSearchParams(found.query).toString()
  return { ...found, url: `/api/v2${url}${query === "" ? "" : `?${query}`}` }
}
