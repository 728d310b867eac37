// A provisioner daemon as clients see it.
import { z } from "@hono/zod-openapi"
import { timeSchema, wireTime, wireTimeOrNull } from "../../platform/http/wire.ts"
import type { DaemonRow } from "./statements.ts"

const daemonJobSchema = z.object({
  id: z.uuid(),
  status: z.string(),
  template_name: z.string(),
  template_icon: z.string(),
  template_display_name: z.string(),
})

export const daemonSchema = z
  .object({
    id: z.uuid(),
    organization_id: z.uuid(),
    key_id: z.uuid(),
    created_at: timeSchema,
    last_seen_at: timeSchema.nullable(),
    name: z.string(),
    version: z.string(),
    api_version: z.string(),
    provisioners: z.array(z.string()),
    tags: z.record(z.string(), z.string()),
    key_name: z.string().nullable(),
    status: z.enum(["offline", "idle", "busy"]).nullable(),
    current_job: daemonJobSchema.nullable(),
    previous_job: daemonJobSchema.nullable(),
  })
  .openapi("ProvisionerDaemon")

export type DaemonJob = z.infer<typeof daemonJobSchema>
export type DaemonState = {
  status: "offline" | "idle" | "busy"
  current_job: DaemonJob | null
  previous_job: DaemonJob | null
}

/**
 * Converts a daemon. Only the list knows what a daemon is doing; elsewhere those fields are null.
 */
export function toDaemonView(row: DaemonRow & Partial<DaemonState>): z.infer<typeof daemonSchema> {
  return {
    id: row.id,
    organization_id: row.organization_id,
    key_id: row.key_id,
    created_at: wireTime(row.created_at),
    last_seen_at: wireTimeOrNull(row.last_seen_at),
    name: row.name,
    version: row.version,
    api_version: row.api_version,
    provisioners: row.provisioners,
    tags: row.tags,
    key_name: row.key_name,
    status: row.status ?? null,
    current_job: row.current_job ?? null,
    previous_job: row.previous_job ?? null,
  }
}
