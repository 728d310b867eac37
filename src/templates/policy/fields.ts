// The settings of a template that people choose: one entry per column.
//
// Everything else follows this table: the bodies of requests and what they change
// (../requests.ts), the columns that statements write and compare (columns.ts), the audit trail's
// diff, and the view (../view.ts). docs/contributing.md lists the files that a new field touches.
import { z } from "@hono/zod-openapi"
import { pictureError, picturePattern } from "../../platform/picture.ts"
import { isDisplayName } from "../../platform/names.ts"
import { durationMsMax, durationTooLong } from "../../platform/http/instants.ts"
import { tagError } from "../../platform/http/tag-error.ts"
import { bitmapOfDays, everyDay } from "../../schedule/weekdays.ts"

export type Intent = "create" | "change"

/** Says what is wrong with a value, or null. */
type Check = (value: unknown, intent: Intent) => string | null

type Details = {
  check?: Check
  /** The field that a refused POST names, where it is not the column. */
  createdAs?: string
}

type Type = "text" | "boolean" | "bigint" | "int"

/** A column with a field of its own in a body. `initial` is the value of a new template. */
const field = <Request extends z.ZodType, View extends z.ZodType>(
  type: Type,
  initial: string | number | boolean,
  request: Request,
  view: View,
  details: Details = {},
) => ({ type, initial, request: request.nullish(), view, ...details })

const minuteMs = 60_000
const hourMs = 3_600_000
const weeksMax = 16

const mustBePositive = "Must be a positive integer."

/** Deadlines must have four-digit years: other templates' rows are in the same batches. */
const bounded =
  (check: Check): Check =>
  (value, intent) =>
    check(value, intent) ?? (Number(value) > durationMsMax ? durationTooLong : null)

const notNegative: Check = (value) => (Number(value) < 0 ? mustBePositive : null)

/** A shorter lead than the tick's interval would be missed. */
const reminderLead: Check = (value) => {
  if (Number(value) < 0) return mustBePositive
  const isTooShort = Number(value) > 0 && Number(value) < minuteMs
  return isTooShort ? "Must be 0 (disabled) or at least one minute." : null
}

/** A change takes no period between 0 (off) and the tick's interval. */
const period: Check = (value, intent) => {
  if (intent === "create") return notNegative(value, intent)
  return value === 0 || Number(value) >= minuteMs ? null : "Value must be at least one minute."
}

const duration = (initial: number, { check = notNegative, ...details }: Details = {}) =>
  field(
    "bigint",
    initial,
    z.int().openapi({ description: "milliseconds", maximum: durationMsMax }),
    z.int().openapi({ description: "milliseconds; 0 = off" }),
    { ...details, check: bounded(check) },
  )

const flag = (initial: boolean) => field("boolean", initial, z.boolean(), z.boolean())

const displayName = z
  .string()
  .max(64, { error: tagError("template_display_name") })
  .refine(isDisplayName, { error: tagError("template_display_name") })

const shareLevel = ["owner", "authenticated", "organization", "public"] as const
const corsBehavior = ["simple", "passthru"] as const
const isCorsBehavior = (value: unknown) => corsBehavior.some((known) => known === value)

/** Deadlines and next starts are computed from these: workspaces follow their change. */
const scheduled = {
  default_ttl_ms: duration(0),
  allow_user_autostart: flag(true),
  allow_user_autostop: flag(true),
}

/** Fields that POST and PATCH share. */
export const shared = {
  ...scheduled,
  display_name: field("text", "", displayName, z.string()),
  description: field("text", "", z.string().max(127, { error: tagError("lt") }), z.string()),
  icon: field(
    "text",
    "",
    z
      .string()
      .max(256, { error: tagError("max") })
      .regex(picturePattern, pictureError),
    z.string(),
  ),
  activity_bump_ms: duration(hourMs),
  time_til_autostop_notify_ms: duration(0, { check: reminderLead }),
  allow_user_cancel_workspace_jobs: flag(false),
  failure_ttl_ms: duration(0, { check: period }),
  require_active_version: flag(false),
  max_port_share_level: field(
    "text",
    "public",
    z.enum(shareLevel, { error: tagError("oneof") }),
    z.enum(shareLevel),
  ),
  cors_behavior: field(
    "text",
    "simple",
    // An empty text says nothing, like null.
    z
      .string()
      .max(64)
      .transform((text) => text || null),
    z.enum(corsBehavior),
    {
      check: (value) =>
        isCorsBehavior(value) ? null : `invalid cors behavior ${JSON.stringify(value)}`,
    },
  ),
}

/** Shared by POST and PATCH, and shown by the template's access list instead of its view. */
export const hidden = { disable_everyone_group_access: flag(false) }

/** POST calls them `dormant_ttl_ms` and `delete_ttl_ms`, and reports both under a third name. */
const reportedDormancy = { check: period, createdAs: "time_til_dormant_autodeletion_ms" }
export const dormancy = {
  time_til_dormant_ms: duration(0, reportedDormancy),
  time_til_dormant_autodelete_ms: duration(0, reportedDormancy),
}

/** Fields of PATCH alone. */
export const changeOnly = {
  deprecation_message: field("text", "", z.string().max(4_096), z.string()),
  disable_module_cache: flag(false),
}

const dayNames = z.array(z.string().max(32)).max(16).nullish()

/** Fields of POST and PATCH that hold columns inside. */
export const requirements = {
  autostop_requirement: z.object({ days_of_week: dayNames, weeks: z.int().nullish() }).nullish(),
  autostart_requirement: z.object({ days_of_week: dayNames }).nullish(),
}
export type Requirements = z.output<z.ZodObject<typeof requirements>>

/** A column inside a requirement: where its value comes from, and what a refusal names. */
const inside = (
  initial: number,
  name: string,
  read: (body: Requirements) => number | string | null | undefined,
  check: Check = (value) => (typeof value === "string" ? value : null),
) => ({ type: "int" as const, initial, name, read, check })

/** The bitmap of the days, or what is wrong with their names. */
function readDays(names: readonly string[] | null | undefined): number | string | null {
  if (!names) return null
  const days = bitmapOfDays(names)
  return days.ok ? days.bitmap : days.error
}

/** Deadlines and next starts are computed from these too. Bit 0 is Monday. */
const scheduledDays = {
  /** A requirement replaces the days; an empty list clears them. */
  autostop_requirement_days: inside(
    0,
    "autostop_requirement.days_of_week",
    ({ autostop_requirement: given }) => given && (readDays(given.days_of_week) ?? 0),
  ),
  autostart_days: inside(
    everyDay,
    "autostart_requirement.days_of_week",
    ({ autostart_requirement: given }) => readDays(given?.days_of_week),
  ),
  autostop_requirement_weeks: inside(
    1,
    "autostop_requirement.weeks",
    ({ autostop_requirement: given }) => given && (given.weeks || 1),
    (value) => {
      if (Number(value) > weeksMax) return "Must be less than 16."
      return notNegative(value, "change")
    },
  ),
}

const own = { ...shared, ...hidden, ...dormancy, ...changeOnly }
export const fields = { ...own, ...scheduledDays }

export type FieldName = keyof typeof fields
export type ScheduledName = keyof typeof scheduled | keyof typeof scheduledDays

const keysOf = <T extends object>(table: T) => Object.keys(table) as (keyof T)[]

export const fieldNames = keysOf(fields)
export const scheduledNames: readonly ScheduledName[] = [
  ...keysOf(scheduled),
  ...keysOf(scheduledDays),
]

type Part<T extends Record<string, Record<P, z.ZodType>>, P extends string> = {
  [K in keyof T]: T[K][P]
}

/** The `request` or `view` schemas of a group, for `z.object`. */
export function schemasOf<T extends Record<string, Record<P, z.ZodType>>, P extends string>(
  group: T,
  part: P,
): Part<T, P> {
  const schemas = Object.entries(group).map(([name, one]) => [name, one[part]])
  return Object.fromEntries(schemas) as Part<T, P>
}

export const viewSchemas = schemasOf({ ...shared, ...dormancy, ...changeOnly }, "view")
