// The plan of a creation, made without the database: the first refusal, or the values to write.
import type { ApiError } from "../../platform/http/errors.ts"
import {
  ApiError as Refusal,
  badRequest,
  conflict,
  forbidden,
  notFound,
} from "../../platform/http/errors.ts"
import {
  type BuildableVersion,
  type NamedValue,
  parameterRefusal,
  refuseOldVersion,
  requireImported,
  toMap,
} from "../../builds/create/version.ts"
import { normaliseTags } from "../../queue/tags.ts"
import { nextAllowedAutostart } from "../../schedule/autostart.ts"
import { parseWeeklySchedule } from "../../schedule/cron.ts"
import { matchPreset } from "../../templates/parameters/match-preset.ts"
import { resolveParameters } from "../../templates/parameters/resolve.ts"
import type { CreateContext } from "./context.ts"
import type { CreateRequest } from "./request.ts"
import { initialTtl } from "../schedule/ttl.ts"

type Template = NonNullable<CreateContext["template"]>
type Version = BuildableVersion

export type CreatePlan = {
  ownerId: string
  name: string
  template: Template
  version: Version
  autostartSchedule: string | null
  nextStartAt: Date | null
  ttlMs: number | null
  automaticUpdates: "always" | "never"
  presetId: string | null
  tags: Record<string, string>
  /** Values of a first build. */
  parameters: NamedValue[]
  /** Values of the second build of a claimed prebuild, or why it cannot be claimed with them. */
  claim: { parameters: NamedValue[]; refusal: null } | { parameters: null; refusal: ApiError }
}

/** Throws the first refusal, in the order that clients know. */
export function planCreate(
  context: CreateContext | undefined,
  request: CreateRequest,
  now: Date,
): CreatePlan {
  if (context === undefined || !context.is_member) throw notFound()
  const { template, version } = requireTarget(context, request)
  if (!template.may_create) throw forbidden("Unauthorized to create workspace.")
  if (!template.may_use) {
    throw forbidden(`Unauthorized access to use the template ${JSON.stringify(template.name)}.`)
  }
  if (template.deprecation_message !== "") {
    throw badRequest(
      `Template ${JSON.stringify(template.name)} has been deprecated, and cannot be used to create a new workspace.`,
      { detail: template.deprecation_message },
    )
  }
  const autostartSchedule = request.autostart_schedule || null
  const nextStartAt = requireNextStart(autostartSchedule, template, now)
  const { ttlMs, problem } = initialTtl(request.ttl_ms ?? null, template.default_ttl_ms)
  if (problem !== null) throw invalid("Invalid Workspace Time to Shutdown.", "ttl_ms", problem)
  const automaticUpdates = request.automatic_updates || "never"
  if (automaticUpdates !== "always" && automaticUpdates !== "never") {
    throw invalid(
      "Invalid Workspace Automatic Updates setting.",
      "automatic_updates",
      "must be always or never",
    )
  }
  if (context.is_name_taken) throw nameTaken(request.name)
  return {
    ownerId: context.owner_id,
    name: request.name,
    template,
    version,
    autostartSchedule,
    nextStartAt,
    ttlMs,
    automaticUpdates,
    tags: normaliseTags(context.owner_id, version.tags),
    ...planBuild(template, version, request),
  }
}

export function nameTaken(name: string): ApiError {
  return conflict(`Workspace ${JSON.stringify(name)} already exists.`, {
    validations: [{ field: "name", detail: "This value is already in use and should be unique." }],
  })
}

function requireTarget(
  { template, version }: CreateContext,
  request: CreateRequest,
): { template: Template; version: Version } {
  if (template === null && request.template_id !== null) {
    const message = `Template ${JSON.stringify(request.template_id)} doesn't exist.`
    throw invalid(message, "template_id", "template not found")
  }
  if (template === null || version === null) {
    const message = `Template version ${JSON.stringify(request.template_version_id)} doesn't exist.`
    throw invalid(message, "template_version_id", "template version not found")
  }
  if (version.archived) {
    throw invalid(
      "Archived template versions cannot be used to make a workspace.",
      "template_version_id",
      "template version archived",
    )
  }
  if (template.deleted) {
    throw new Refusal(404, `Template ${JSON.stringify(template.name)} has been deleted!`)
  }
  return { template, version }
}

/** Refuses like a change of the schedule: a schedule that can never fire is a mistake. */
function requireNextStart(schedule: string | null, template: Template, now: Date): Date | null {
  if (schedule === null) return null
  const refuse = (detail: string) => invalid("Invalid Autostart Schedule.", "schedule", detail)
  const parsed = parseWeeklySchedule(schedule)
  if (!parsed.ok) throw refuse(parsed.error)
  if (!template.allow_user_autostart) {
    throw refuse("Autostart is not allowed for workspaces using this template.")
  }
  const nextStartAt = nextAllowedAutostart(schedule, now, template.autostart_days)
  if (nextStartAt === null) throw refuse("no allowed autostart")
  return nextStartAt
}

/**
 * Checks the preset, then the version's state, then the parameters. A request without a preset
 * takes the best one that its values match.
 */
function planBuild(template: Template, version: Version, request: CreateRequest) {
  const given = toMap(request.rich_parameter_values ?? [])
  const asked = request.template_version_preset_id
  const preset =
    asked === null
      ? matchPreset(version.presets, given)
      : version.presets.find((preset) => preset.id === asked)
  if (preset === undefined) {
    const message = "Template version preset doesn't exist."
    throw invalid(message, "template_version_preset_id", "preset not found in the template version")
  }
  requireImported(version)
  refuseOldVersion(version, template, template.may_update)
  const presetValues = toMap(preset?.parameters ?? [])
  const source = {
    parameters: version.parameters,
    preset: presetValues,
    given,
    previous: new Map(),
  }
  const fresh = resolveParameters(source)
  // A prebuild was made from the preset alone, so the preset's values count as its previous values.
  const pooled = resolveParameters({ ...source, given: new Map() })
  const previous = toMap(pooled.ok ? pooled.values : [])
  const claimed = resolveParameters({ ...source, previous })
  if (!fresh.ok) throw parameterRefusal(fresh)
  return {
    presetId: preset?.id ?? null,
    parameters: fresh.values,
    claim: claimed.ok
      ? { parameters: claimed.values, refusal: null }
      : { parameters: null, refusal: parameterRefusal(claimed) },
  }
}

function invalid(message: string, field: string, detail: string): ApiError {
  return badRequest(message, { validations: [{ field, detail }] })
}
