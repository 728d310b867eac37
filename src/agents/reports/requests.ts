// The bodies of an agent's reports, with a bound on every field.
import { withoutNul } from "../../platform/db/without-nul.ts"
import { z } from "@hono/zod-openapi"
import type { RowOf } from "../../platform/db/row.ts"
import type { workspaceAgents } from "../../platform/db/schema/agents.ts"
import { instantSchema, optionalInstantSchema } from "../../platform/http/instants.ts"
import { pictureError, picturePattern } from "../../platform/picture.ts"
import { uuidSchema } from "../../platform/http/wire.ts"

export const lifecycleStates = [
  "created",
  "starting",
  "start_timeout",
  "start_error",
  "ready",
  "shutting_down",
  "shutdown_timeout",
  "shutdown_error",
  "off",
] as const satisfies readonly RowOf<typeof workspaceAgents>["lifecycle_state"][]
export const appHealths = ["disabled", "initializing", "healthy", "unhealthy"] as const
export type AppHealth = (typeof appHealths)[number]
export const logLevels = ["trace", "debug", "info", "warn", "error"] as const
export const subsystems = ["envbox", "envbuilder", "exectrace"] as const

/** How far back an agent may date what it reports. */
const reportAgeMsMax = 24 * 3_600_000

/**
 * Moves an instant that an agent reports into the day before now. An agent's clock may be wrong.
 * Rows are purged by these instants, so that one in the future would never be.
 */
export function reportedAt(at: Date, now: Date): Date {
  const earliest = now.getTime() - reportAgeMsMax
  return new Date(Math.min(Math.max(at.getTime(), earliest), now.getTime()))
}

/** Counters of one report. A negative or absurd value is refused. */
const count = z.int().min(0).max(1_000_000).default(0)
const counter = z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0)

export const startupRequest = z.object({
  version: z.string().max(64).default(""),
  expanded_directory: z.string().max(4_096).default(""),
  subsystems: z.array(z.string().max(64)).max(16).nullish(),
})

export const statsRequest = z.object({
  connections_by_proto: z.record(z.string().max(32), count).nullish(),
  connection_count: count,
  connection_median_latency_ms: z.number().min(-1).max(600_000).default(-1),
  rx_packets: counter,
  rx_bytes: counter,
  tx_packets: counter,
  tx_bytes: counter,
  session_count_vscode: count,
  session_count_jetbrains: count,
  session_count_reconnecting_pty: count,
  session_count_ssh: count,
  metrics: z
    .array(
      z.object({
        name: z.string().max(256),
        type: z.enum(["counter", "gauge"]),
        value: z.number(),
        labels: z
          .array(z.object({ name: z.string().max(128), value: z.string().max(256) }))
          .max(32)
          .nullish(),
      }),
    )
    .max(1_000)
    .nullish(),
})
export type StatsRequest = z.infer<typeof statsRequest>

export const lifecycleRequest = z.object({
  state: z.string().max(64),
  changed_at: optionalInstantSchema,
})

export const metadataRequest = z.object({
  metadata: z
    .array(
      z.object({
        key: z.string().max(256),
        value: z.string().default(""),
        error: z.string().default(""),
        collected_at: z.string().nullish(),
        age: z.number().nullish(),
      }),
    )
    .max(256),
})
export type MetadataResult = { key: string; value: string; error: string }

export const appHealthRequest = z.object({
  healths: z
    .record(uuidSchema, z.string().max(32))
    .openapi({ example: { "5b9e1c0a-3d3f-4e55-9f0e-8d3c3f1f4a11": "healthy" } }),
})

export const logsRequest = z.object({
  log_source_id: uuidSchema.optional(),
  logs: z
    .array(
      z.object({
        created_at: instantSchema,
        output: z.string(),
        level: z.string().max(16).default(""),
      }),
    )
    .max(10_000)
    .nullish(),
})

export const logSourceRequest = z.object({
  id: uuidSchema,
  display_name: z.string().max(128).default(""),
  icon: z.string().max(256).regex(picturePattern, pictureError).default(""),
})

export const appStatusRequest = z.object({
  app_slug: z.string().max(64),
  state: z.enum(["working", "idle", "complete", "failure"]),
  message: z.string().max(4_096).default(""),
  uri: z
    .string()
    .max(2_048)
    .regex(/^((https?|file):\/\/.*)?$/is, "must be an http, https or file URL")
    .default(""),
})

export const scriptCompletedRequest = z.object({
  script_id: uuidSchema,
  started_at: instantSchema,
  ended_at: instantSchema,
  exit_code: z.int().min(-2_147_483_648).max(2_147_483_647),
  stage: z.enum(["start", "stop", "cron"]),
  status: z.enum(["ok", "exit_failure", "timed_out", "pipes_left_open"]),
})

const metadataBytesMax = 2_048

/** Cuts a value or error that is too long, and says so in the error. */
export function boundMetadata(result: {
  key: string
  value: string
  error: string
}): MetadataResult {
  const value = withoutNul(result.value)
  const error = withoutNul(result.error)
  const key = withoutNul(result.key)
  if (value.length > metadataBytesMax) {
    const said = `value of ${value.length} bytes exceeded ${metadataBytesMax} bytes`
    return {
      key,
      value: value.slice(0, metadataBytesMax),
      error: error.slice(0, metadataBytesMax) || said,
    }
  }
  return { key, value, error: error.slice(0, metadataBytesMax) }
}
