// A template as clients see it: the columns that a statement selects, and the shape on the wire.
import { z } from "@hono/zod-openapi"
import { sql, type SQL } from "drizzle-orm"
import { timeSchema, wireTime } from "../platform/http/wire.ts"
import { namesOfDays } from "../schedule/weekdays.ts"
import { selectSettings, type TemplateColumns, type TemplateSettings } from "./policy/columns.ts"
import { viewSchemas } from "./policy/fields.ts"

export type TemplateRow = TemplateSettings &
  Pick<
    TemplateColumns,
    | "id"
    | "organization_id"
    | "active_version_id"
    | "created_by"
    | "created_at"
    | "updated_at"
    | "name"
    | "provisioner"
    | "active_user_count"
    | "build_time_stats"
    | "deleted"
    | "use_classic_parameter_flow"
  > & {
    organization_name: string
    organization_display_name: string
    organization_icon: string
    created_by_name: string
  }

/**
 * `select ... from` of templates as `t`, with their organization `o` and creator `u`. A statement
 * adds its `where`.
 */
export const selectTemplates: SQL = sql`
  select t.id, t.organization_id, o.name as organization_name,
    o.display_name as organization_display_name, o.icon as organization_icon, t.active_version_id,
    t.created_by, u.username as created_by_name, t.created_at, t.updated_at, t.name, t.provisioner,
    t.active_user_count, t.build_time_stats, t.deleted, t.use_classic_parameter_flow,
    ${selectSettings(sql`t`)}
  from templates t
  join organizations o on o.id = t.organization_id
  join users u on u.id = t.created_by`

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
    provisioner: z.enum(["terraform", "echo"]),
    active_version_id: z.uuid(),
    active_user_count: z.int(),
    build_time_stats: z.object({ start: percentiles, stop: percentiles, delete: percentiles }),
    deprecated: z.boolean(),
    deleted: z.boolean(),
    created_by_id: z.uuid(),
    created_by_name: z.string(),
    use_classic_parameter_flow: z.boolean(),
    ...viewSchemas,
    autostop_requirement: z.object({ days_of_week: z.array(z.string()), weeks: z.int() }),
    autostart_requirement: z.object({ days_of_week: z.array(z.string()) }),
  })
  .openapi("Template")

export type TemplateView = z.infer<typeof templateSchema>

const unknownTimes = { P50: null, P95: null }

export function toTemplateView(row: TemplateRow): TemplateView {
  const {
    build_time_stats,
    autostop_requirement_days,
    autostop_requirement_weeks,
    autostart_days,
    disable_everyone_group_access: _,
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
