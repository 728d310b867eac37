// The health report: one section per part of the deployment, each with its warnings.
//
// Clients expect six sections. Those that have no counterpart here are `ok` and empty; two of our
// own say how late the lifecycle is, and whether the usage signal arrives.
import type { DaemonRow } from "../../queue/daemons/statements.ts"
import { toDaemonView } from "../../queue/daemons/view.ts"
import { wireTime, wireTimeOrNull } from "../../platform/http/wire.ts"
import { buildVersion } from "../../version.ts"
import { databaseThresholdMs } from "./database.ts"
import type { HealthRow } from "./statement.ts"

type Severity = "ok" | "warning" | "error"
type Warning = { code: string; message: string }
type Findings = { severity?: Severity; warnings?: Warning[]; error?: string | null }

export const checks = {
  AccessURL: "access_url",
  DERP: "derp",
  Database: "database",
  Lifecycle: "lifecycle",
  ProvisionerDaemons: "provisioner_daemons",
  Usage: "usage",
  Websocket: "websocket",
  WorkspaceProxy: "workspace_proxy",
} as const
export const checkNames = Object.keys(checks) as (keyof typeof checks)[]

export type HealthFacts = {
  row: HealthRow
  daemons: readonly DaemonRow[]
  latencyMs: number
  accessUrl: string
  now: Date
}

/** A tick runs each minute. After three missed ones, nothing starts or stops by itself. */
const tickLateMs = 3 * 60_000

export function healthReport(facts: HealthFacts) {
  const { row, daemons, latencyMs, accessUrl, now } = facts
  const dismissed = new Set(row.dismissed)
  const section = (name: keyof typeof checks, findings: Findings = {}) => {
    const { severity = "ok", warnings = [], error = null } = findings
    return {
      severity,
      healthy: severity !== "error",
      warnings,
      error,
      dismissed: dismissed.has(name),
    }
  }
  const sections = {
    access_url: {
      ...section("AccessURL", checkAccessUrl(accessUrl)),
      access_url: accessUrl,
      // This answer came from there. A Worker cannot call itself.
      reachable: true,
      status_code: 200,
      healthz_response: "OK",
    },
    database: {
      ...section("Database", checkDatabase(latencyMs)),
      reachable: true,
      latency: `${latencyMs}ms`,
      latency_ms: latencyMs,
      threshold_ms: databaseThresholdMs,
    },
    websocket: { ...section("Websocket"), body: "", code: 101 },
    derp: { ...section("DERP"), regions: {}, netcheck_logs: [] as string[] },
    workspace_proxy: {
      ...section("WorkspaceProxy"),
      workspace_proxies: { regions: [] as string[] },
    },
    provisioner_daemons: {
      ...section("ProvisionerDaemons", checkDaemons(daemons)),
      items: daemons.map((daemon) => ({
        provisioner_daemon: toDaemonView(daemon),
        warnings: [] as Warning[],
      })),
    },
    lifecycle: {
      ...section("Lifecycle", checkTick(row, now)),
      last_tick_at: wireTimeOrNull(row.tick_at),
      lag_ms: row.lag_ms ?? 0,
    },
    usage: { ...section("Usage", checkUsage(row)), unflushed_shards: row.unflushed_shards ?? [] },
  }
  const severity = worst(
    Object.values(sections)
      .filter((one) => !one.dismissed)
      .map((one) => one.severity),
  )
  return {
    time: wireTime(now),
    healthy: severity !== "error",
    severity,
    coder_version: buildVersion,
    ...sections,
  }
}

function worst(severities: readonly Severity[]): Severity {
  if (severities.includes("error")) return "error"
  return severities.includes("warning") ? "warning" : "ok"
}

function checkAccessUrl(accessUrl: string): Findings {
  if (accessUrl === "")
    return { severity: "error", warnings: [{ code: "EACS01", message: "ACCESS_URL is not set." }] }
  if (URL.canParse(accessUrl)) return {}
  const message = "ACCESS_URL is not an address."
  return { severity: "error", warnings: [{ code: "EACS02", message }] }
}

function checkDatabase(latencyMs: number): Findings {
  if (latencyMs <= databaseThresholdMs) return {}
  const message = `The database answers in ${latencyMs} ms, more than ${databaseThresholdMs} ms.`
  return { severity: "warning", warnings: [{ code: "EDB02", message }] }
}

function checkDaemons(daemons: readonly DaemonRow[]): Findings {
  if (daemons.length > 0) return {}
  const message = "No provisioner daemon is connected, so no build can run."
  return { severity: "error", warnings: [{ code: "EPD01", message }] }
}

function checkTick(row: HealthRow, now: Date): Findings {
  const ageMs = row.tick_at === null ? Infinity : now.getTime() - row.tick_at.getTime()
  if (ageMs > tickLateMs) {
    const message = "The lifecycle has not run for three minutes or more."
    return { severity: "error", warnings: [{ code: "EUNKNOWN", message }] }
  }
  if (row.tick_error === null) return {}
  return { severity: "warning", error: "The last run of the lifecycle failed. The log says why." }
}

function checkUsage({ unflushed_shards }: HealthRow): Findings {
  const count = unflushed_shards?.length ?? 0
  if (count === 0) return {}
  const message = `${count} shards of the usage tracker could not be read; autostop waits for them.`
  return { severity: "warning", warnings: [{ code: "EUNKNOWN", message }] }
}
