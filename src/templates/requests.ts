// What clients send to create or change a template (api.md 2.4): the bodies, and the rules over their fields.
import { z } from "@hono/zod-openapi"
import type { Validation } from "../platform/http/errors.ts"
import { isDisplayName, isResourceName } from "../platform/names.ts"
import { tagError } from "../platform/http/tag-error.ts"
import { uuidSchema } from "../platform/http/wire.ts"
import { bitmapOfDays, everyDay } from "../schedule/weekdays.ts"

/** A duration that PostgreSQL's bigint of nanoseconds could hold in the reference; Go clients send whole numbers. */
const milliseconds = z.int().openapi({ description: "milliseconds" })
const daysOfWeek = z.array(z.string().max(32)).max(16).nullish()
const autostopRequirement = z
  .object({ days_of_week: daysOfWeek, weeks: z.int().nullish() })
  .nullish()
const autostartRequirement = z.object({ days_of_week: daysOfWeek }).nullish()

const ruled = (max: number, tag: string, holds: (text: string) => boolean) =>
  z
    .string()
    .max(max, { error: tagError(tag) })
    .refine(holds, { error: tagError(tag) })

const displayName = ruled(64, "template_display_name", isDisplayName)
const description = z.string().max(127, { error: tagError("lt") })
const icon = z.string().max(256, { error: tagError("max") })
const shareLevel = z.enum(["owner", "authenticated", "organization", "public"], {
  error: tagError("oneof"),
})

/** Taken and not kept: there is the classic flow alone, and a client that reads `false` would ask for the other. */
const classicFlow = z.boolean().nullish()

/** Fields that POST and PATCH share under the same name. All optional; Go clients send null for what they leave out. */
const common = {
  display_name: displayName.nullish(),
  description: description.nullish(),
  icon: icon.nullish(),
  default_ttl_ms: milliseconds.nullish(),
  activity_bump_ms: milliseconds.nullish(),
  time_til_autostop_notify_ms: milliseconds.nullish(),
  autostop_requirement: autostopRequirement,
  autostart_requirement: autostartRequirement,
  allow_user_cancel_workspace_jobs: z.boolean().nullish(),
  allow_user_autostart: z.boolean().nullish(),
  allow_user_autostop: z.boolean().nullish(),
  failure_ttl_ms: milliseconds.nullish(),
  require_active_version: z.boolean().nullish(),
  disable_everyone_group_access: z.boolean().nullish(),
  max_port_share_level: shareLevel.nullish(),
  cors_behavior: z.string().max(64).nullish(),
}

export const createTemplateRequest = z
  .object({
    ...common,
    name: ruled(32, "template_name", isResourceName),
    template_version_id: uuidSchema,
    dormant_ttl_ms: milliseconds.nullish(),
    delete_ttl_ms: milliseconds.nullish(),
    template_use_classic_parameter_flow: classicFlow,
  })
  .openapi("CreateTemplateRequest")

export const patchTemplateRequest = z
  .object({
    ...common,
    name: ruled(32, "template_name", (name) => name === "" || isResourceName(name)).nullish(),
    time_til_dormant_ms: milliseconds.nullish(),
    time_til_dormant_autodelete_ms: milliseconds.nullish(),
    update_workspace_last_used_at: z.boolean().nullish(),
    update_workspace_dormant_at: z.boolean().nullish(),
    deprecation_message: z.string().max(4_096).nullish(),
    use_classic_parameter_flow: classicFlow,
    disable_module_cache: z.boolean().nullish(),
  })
  .openapi("UpdateTemplateMeta")

export type CreateTemplateRequest = z.infer<typeof createTemplateRequest>
export type PatchTemplateRequest = z.infer<typeof patchTemplateRequest>

/** The policy of a template as its columns hold it. */
export type TemplatePolicy = {
  defaultTtlMs: number
  activityBumpMs: number
  timeTilAutostopNotifyMs: number
  autostopRequirementDays: number
  autostopRequirementWeeks: number
  autostartDays: number
  failureTtlMs: number
  timeTilDormantMs: number
  timeTilDormantAutodeleteMs: number
}

type Days = { bitmap: number | null; validations: Validation[] }

function readDays(field: string, names: readonly string[] | null | undefined): Days {
  if (names === null || names === undefined) return { bitmap: null, validations: [] }
  const days = bitmapOfDays(names)
  if (days.ok) return { bitmap: days.bitmap, validations: [] }
  return { bitmap: null, validations: [{ field: `${field}.days_of_week`, detail: days.error }] }
}

const MUST_BE_POSITIVE = "Must be a positive integer."
const minuteMs = 60_000
const weeksMax = 16

const negative = (field: string, value: number | null | undefined): Validation[] =>
  typeof value === "number" && value < 0 ? [{ field, detail: MUST_BE_POSITIVE }] : []

/** A lead of 0 turns reminders off; one that is shorter than the tick would be missed. */
function checkNotify(value: number | null | undefined): Validation[] {
  const field = "time_til_autostop_notify_ms"
  if (typeof value !== "number" || value === 0) return []
  if (value < 0) return [{ field, detail: MUST_BE_POSITIVE }]
  return value < minuteMs ? [{ field, detail: "Must be 0 (disabled) or at least one minute." }] : []
}

function checkWeeks(weeks: number | null | undefined): Validation[] {
  const field = "autostop_requirement.weeks"
  if (typeof weeks === "number" && weeks > weeksMax)
    return [{ field, detail: "Must be less than 16." }]
  return negative(field, weeks)
}

const checkCors = (value: string | null | undefined): Validation[] =>
  !value || value === "simple" || value === "passthru"
    ? []
    : [{ field: "cors_behavior", detail: `invalid cors behavior ${JSON.stringify(value)}` }]

const shared = (
  body: CreateTemplateRequest | PatchTemplateRequest,
  autostop: Days,
  autostart: Days,
) => [
  ...negative("default_ttl_ms", body.default_ttl_ms),
  ...negative("activity_bump_ms", body.activity_bump_ms),
  ...checkNotify(body.time_til_autostop_notify_ms),
  ...autostop.validations,
  ...autostart.validations,
  ...checkWeeks(body.autostop_requirement?.weeks),
  ...checkCors(body.cors_behavior),
]

export type PolicyReading = { policy: TemplatePolicy; validations: Validation[] }

const hourMs = 3_600_000

/** The policy of a new template (lifecycle.md 4.2). Dormancy is reported under auto-delete's name, as clients know it. */
export function readNewPolicy(body: CreateTemplateRequest): PolicyReading {
  const autostop = readDays("autostop_requirement", body.autostop_requirement?.days_of_week)
  const autostart = readDays("autostart_requirement", body.autostart_requirement?.days_of_week)
  return {
    validations: [
      ...shared(body, autostop, autostart),
      ...negative("failure_ttl_ms", body.failure_ttl_ms),
      ...negative("time_til_dormant_autodeletion_ms", body.dormant_ttl_ms),
      ...negative("time_til_dormant_autodeletion_ms", body.delete_ttl_ms),
    ],
    policy: {
      defaultTtlMs: body.default_ttl_ms ?? 0,
      activityBumpMs: body.activity_bump_ms ?? hourMs,
      timeTilAutostopNotifyMs: body.time_til_autostop_notify_ms ?? 0,
      autostopRequirementDays: autostop.bitmap ?? 0,
      autostopRequirementWeeks: Math.max(body.autostop_requirement?.weeks ?? 1, 1),
      autostartDays: autostart.bitmap ?? everyDay,
      failureTtlMs: body.failure_ttl_ms ?? 0,
      timeTilDormantMs: body.dormant_ttl_ms ?? 0,
      timeTilDormantAutodeleteMs: body.delete_ttl_ms ?? 0,
    },
  }
}

/** 0 or a minute at least; on PATCH only. */
function checkMinute(field: string, value: number | null | undefined): Validation[] {
  if (typeof value !== "number" || value === 0 || value >= minuteMs) return []
  return [{ field, detail: "Value must be at least one minute." }]
}

/** What a change says of the policy; null keeps what is there. */
export type PolicyChange = { [K in keyof TemplatePolicy]: TemplatePolicy[K] | null }
export type PolicyChangeReading = { change: PolicyChange; validations: Validation[] }

/** The change of a policy (lifecycle.md 4.3). A given requirement replaces the days, an empty list clears them. */
export function readPolicyChange(body: PatchTemplateRequest): PolicyChangeReading {
  const autostop = readDays("autostop_requirement", body.autostop_requirement?.days_of_week)
  const autostart = readDays("autostart_requirement", body.autostart_requirement?.days_of_week)
  const requirement = body.autostop_requirement ?? null
  return {
    validations: [
      ...shared(body, autostop, autostart),
      ...checkMinute("failure_ttl_ms", body.failure_ttl_ms),
      ...checkMinute("time_til_dormant_ms", body.time_til_dormant_ms),
      ...checkMinute("time_til_dormant_autodelete_ms", body.time_til_dormant_autodelete_ms),
    ],
    change: {
      defaultTtlMs: body.default_ttl_ms ?? null,
      activityBumpMs: body.activity_bump_ms ?? null,
      timeTilAutostopNotifyMs: body.time_til_autostop_notify_ms ?? null,
      autostopRequirementDays: requirement && (autostop.bitmap ?? 0),
      autostopRequirementWeeks: requirement && Math.max(requirement.weeks ?? 1, 1),
      autostartDays: autostart.bitmap,
      failureTtlMs: body.failure_ttl_ms ?? null,
      timeTilDormantMs: body.time_til_dormant_ms ?? null,
      timeTilDormantAutodeleteMs: body.time_til_dormant_autodelete_ms ?? null,
    },
  }
}
