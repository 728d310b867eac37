// The agent's calls to the control plane.
//
// All but the last one are retried until they succeed or are rejected for good.
import { setTimeout as wait } from "node:timers/promises"
import type { ServerClock } from "../server-clock.ts"

export type Manifest = {
  agent_id: string
  workspace_id: string
  workspace_name: string
  environment_variables: Record<string, string>
  directory: string
  scripts: ManifestScript[]
  metadata: { key: string; script: string; interval: number; timeout: number }[]
}
export type ManifestScript = {
  id: string
  log_source_id: string
  script: string
  run_on_start: boolean
  run_on_stop: boolean
  timeout: number
  display_name: string
}
export type LogLine = { created_at: string; output: string; level: "info" | "error" }

/** The token is not valid, or no longer valid. */
export class Unauthorized extends Error {
  override name = "Unauthorized"
}

export type ControlPlane = ReturnType<typeof connectControlPlane>

const callMsMax = 15_000
const backoffMsMax = 30_000

export function connectControlPlane(options: {
  url: string
  token: () => string
  clock: ServerClock
  stopped: AbortSignal
}) {
  const base = `${options.url.replace(/\/+$/, "")}/api/v2/workspaceagents/me`

  async function callOnce(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { "Coder-Session-Token": options.token(), "Content-Type": "application/json" },
      signal: AbortSignal.timeout(callMsMax),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    options.clock.learn(response.headers.get("Date"))
    if (response.status === 401) throw new Unauthorized("the token was refused")
    return response
  }

  /** Null if the call was rejected or the agent is stopping. */
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    for (let attempts = 0; ; attempts++) {
      try {
        const response = await callOnce(method, path, body)
        if (response.ok)
          return response.status === 204 ? null : ((await response.json()) as unknown)
        if (response.status < 500 && response.status !== 429) return null
      } catch (error) {
        if (error instanceof Unauthorized) throw error
      }
      const delayMs = Math.min(1_000 * 2 ** attempts, backoffMsMax) * (0.5 + Math.random() / 2)
      const isStopped = await wait(delayMs, false, { signal: options.stopped }).catch(() => true)
      if (isStopped) return null
    }
  }

  return {
    url: base,
    /** The control plane's time. Reports carry it, because this machine's clock may be wrong. */
    now: options.clock.now,
    manifest: async () => (await call("GET", "/manifest")) as Manifest | null,
    startup: (body: { version: string; expanded_directory: string; subsystems: string[] }) =>
      call("POST", "/startup", body),
    lifecycle: (state: string) =>
      call("POST", "/report-lifecycle", { state, changed_at: options.clock.now().toISOString() }),
    stats: async (body: unknown) =>
      (await call("POST", "/report-stats", body)) as { report_interval: number } | null,
    metadata: (metadata: unknown[]) => call("POST", "/metadata", { metadata }),
    logSource: (id: string, name: string) =>
      call("POST", "/log-source", { id, display_name: name, icon: "" }),
    logs: (sourceId: string, logs: LogLine[]) =>
      call("PATCH", "/logs", { log_source_id: sourceId, logs }),
    scriptCompleted: (body: unknown) => call("POST", "/script-completed", body),
    /** One attempt only, since the machine is shutting down. */
    lastWord: (state: string) =>
      callOnce("POST", "/report-lifecycle", {
        state,
        changed_at: options.clock.now().toISOString(),
      }).catch(() => null),
  }
}
