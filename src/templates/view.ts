// A template as clients see it (api.md 1.3): the columns that a statement selects, and the shape on the wire.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { timeSchema, wireTime } from "../platform/http/wire.ts"
import { namesOfDays } from "../schedule/weekdays.ts"

type Percentiles = { P50: number | null; P95: number | null }
type BuildTimeStats = { start: Percentiles; stop: Percentiles; delete: Percentiles }

export type TemplateRow = {
  id: string
  organization_id: string
  organization_name: string
  organization_display_name: string
  organization_icon: string
  active_version_id: string
  created_by: string
  created_by_name: string
  created_at: Date
  updated_at: Date
  name: string
  display_name: string
  description: string
  icon: string
  provisioner: "terraform" | "echo"
  active_user_count: number
  build_time_stats: Partial<BuildTimeStats> | null
  deprecation_message: string
  deleted: boolean
  default_ttl_ms: number
  activity_bump_ms: number
  time_til_autostop_notify_ms: number
  autostop_requirement_days: number
  autostop_requirement_weeks: number
  autostart_days: number
  allow_user_autostart: boolean
  allow_user_autostop: boolean
  allow_user_cancel_workspace_jobs: boolean
  failure_ttl_ms: number
  time_til_dormant_ms: number
  time_til_dormant_autodelete_ms: number
  require_active_version: boolean
  max_port_share_level: "owner" | "authenticated" | "organization" | "public"
  cors_behavior: "simple" | "passthru"
  use_classic_parameter_flow: boolean
  disable_module_cache: boolean
}

/** `select ... from` of templates as `t`, with their organization `o` and creator `u`; a statement adds its `where`. */
export const selectTemplates: SQL = sql`
  select t.id, t.organization_id, o.name as organization_name, o.display_name as organization_display_name,
    o.icon as organization_icon, t.active_version_id, t.created_by, u.username as created_by_name, t.created_at, t.updated_at,
    t.name, t.display_name, t.description, t.icon, t.provisioner, t.active_user_count, t.build_time_stats,
    t.deprecation_message, t.deleted, t.default_ttl_ms, t.activity_bump_ms, t.time_til_autostop_notify_ms,
    t.autostop_requirement_days, t.autostop_requirement_weeks, t.autostart_days, t.allow_user_autostart, t.allow_user_autostop,
    t.allow_user_cancel_workspace_jobs, t.failure_ttl_ms, t.time_til_dormant_ms, t.time_til_dormant_autodelete_ms,
    t.require_active_version, t.max_port_share_level, t.cors_behavior, t.use_classic_parameter_flow, t.disable_module_cache
  from templates t
  join organizations o on o.id = t.organization_id
  join users u on u.id = t.created_by`

const milliseconds = z.int().openapi({ description: "milliseconds; 0 = off" })
const percentiles = z.object({ P50: z.number().nullable(), P95: z.number().nullable() })

export const templateSchema = z
  .object({
    id: z.uuid(),
    created_at: timeSchema,
    updated_at: timeSchema,
    organization_id: z.uuid(),
    organization_name: z.string(),
    organization_display_name: z.string(),
    organization_icon: z.string(),
    name: z.string(),
    display_name: z.string(),
    provisioner: z.enum(["terraform", "echo"]),
    active_version_id: z.uuid(),
    active_user_count: z.int(),
    build_time_stats: z.object({ start: percentiles, stop: percentiles, delete: percentiles }),
    description: z.string(),
    deprecated: z.boolean(),
    deprecation_message: z.string(),
    deleted: z.boolean(),
    icon: z.string(),
    default_ttl_ms: milliseconds,
    activity_bump_ms: milliseconds,
    autostop_requirement: z.object({ days_of_week: z.array(z.string()), weeks: z.int() }),
    autostart_requirement: z.object({ days_of_week: z.array(z.string()) }),
    created_by_id: z.uuid(),
    created_by_name: z.string(),
    allow_user_autostart: z.boolean(),
    allow_user_autostop: z.boolean(),
    allow_user_cancel_workspace_jobs: z.boolean(),
    failure_ttl_ms: milliseconds,
    time_til_dormant_ms: milliseconds,
    time_til_dormant_autodelete_ms: milliseconds,
    time_til_autostop_notify_ms: milliseconds,
    require_active_version: z.boolean(),
    max_port_share_level: z.enum(["owner", "authenticated", "organization", "public"]),
    cors_behavior: z.enum(["simple", "passthru"]),
    use_classic_parameter_flow: z.boolean(),
    disable_module_cache: z.boolean(),
  })
  .openapi("Template")

export type TemplateView = z.infer<typeof templateSchema>

const unknownTimes: Percentiles = { P50: null, P95: null }

export function toTemplateView(row: TemplateRow): TemplateView {
  const {
    build_time_stats,
    autostop_requirement_days,
    autostop_requirement_weeks,
    autostart_days,
    created_by,
    ...rest
  } = row
  return {
    ...rest,
    created_at: wireTime(row.created_at),
    updated_at: wireTime(row.updated_at),
    created_by_id: created_by,
    deprecated: row.deprecation_message !== "",
    build_time_stats: {
      start: build_time_stats?.start ?? unknownTimes,
      stop: build_time_stats?.stop ?? unknownTimes,
      delete: build_time_stats?.delete ?? unknownTimes,
    },
    autostop_requirement: {
      days_of_week: namesOfDays(autostop_requirement_days),
      weeks: autostop_requirement_weeks,
    },
    autostart_requirement: { days_of_week: namesOfDays(autostart_days) },
  }
}
