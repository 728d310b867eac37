// The plan of a build: its refusals in order, or the values to write. It needs no database.
import { badRequest, conflict, forbidden, notFound } from "../../platform/http/errors.ts"
import { activeStatuses } from "../../queue/view.ts"
import { normaliseTags } from "../../queue/tags.ts"
import { matchPreset } from "../../templates/parameters/match-preset.ts"
import { resolveParameters } from "../../templates/parameters/resolve.ts"
import type { BuildContext } from "./context.ts"
import type { BuildRequest, FollowUp } from "./request.ts"
import type { Transition } from "../status.ts"
import {
  type BuildableVersion,
  type NamedValue,
  parameterRefusal,
  refuseOldVersion,
  requireImported,
  toMap,
} from "./version.ts"

export type BuildPlan = {
  workspaceId: string
  transition: Transition
  reason: string
  /** The number of the build that this one follows. It is written only while that is the last. */
  lastNumber: number
  template: BuildContext["template"]
  version: BuildableVersion
  presetId: string | null
  tags: Record<string, string>
  parameters: NamedValue[]
  /** What the provisioner starts from: nothing, the caller's state, or the last build's. */
  state: { kind: "none" } | { kind: "given"; bytes: Uint8Array } | { kind: "last" }
  isOrphan: boolean
  /** The version is another than the last build's. */
  isUpdate: boolean
  input: Record<string, unknown>
  onSuccess: FollowUp | null
}

/** Throws the first refusal as an `ApiError`. */
export function planBuild(context: BuildContext | undefined, request: BuildRequest): BuildPlan {
  if (context === undefined) throw notFound()
  refuseMisuse(context, request)
  const { transition } = request
  if (context.deleted && transition !== "delete")
    throw conflict("Cannot start a deleted workspace!")
  refuseUnauthorized(context, request)
  const version = requireVersion(context)
  if (context.last && activeStatuses.some((status) => status === context.last?.job_status)) {
    const message = "A workspace build is already active."
    throw conflict(message, { detail: message })
  }
  const { parameters, presetId } = resolveValues(context, version, request)
  if (transition === "start") {
    refuseOldVersion(version, context.template, context.may_update_template)
  }
  const isOrphan = request.orphan === true
  return {
    workspaceId: context.id,
    transition,
    reason: transition === "delete" ? "initiator" : request.reason || "initiator",
    lastNumber: context.latest_build_number,
    template: context.template,
    version,
    presetId,
    tags: normaliseTags(context.owner_id, version.tags),
    parameters,
    state: stateOf(request),
    isOrphan,
    isUpdate: context.last !== null && context.last.template_version_id !== version.id,
    input: {
      ...(request.log_level && { log_level: request.log_level }),
      ...(request.allow_data_loss && { allows_data_loss: true }),
    },
    onSuccess: request.on_success ?? null,
  }
}

/** Rejects a request that contradicts itself. */
function refuseMisuse(context: BuildContext, request: BuildRequest): void {
  const { transition, orphan, state, on_success: next } = request
  if (orphan && transition !== "delete")
    throw badRequest("Orphan is only permitted when deleting a workspace.")
  if (orphan && state) throw badRequest("Orphan cannot be used together with a state.")
  if (!next) return
  if (transition !== "stop")
    throw badRequest("OnSuccess is only permitted when stopping a workspace.")
  if (next.transition !== "start") throw badRequest("OnSuccess only permits the start transition.")
  if (orphan || state || request.dry_run) {
    throw badRequest("OnSuccess cannot be used together with a dry run, orphan or a state.")
  }
  if (context.is_prebuild) throw badRequest("OnSuccess is not permitted for prebuilt workspaces.")
}

function refuseUnauthorized(context: BuildContext, request: BuildRequest): void {
  const { transition } = request
  const may = { start: context.may_start, stop: context.may_stop, delete: context.may_delete }
  // A stop that leads to a start needs the right to both.
  const leadsTo = request.on_success ? ([transition, "start"] as const) : [transition]
  const refused = leadsTo.find((one) => !may[one])
  if (refused) throw forbidden(`You do not have permission to ${refused} this workspace.`)
  if (leadsTo.includes("start") && !context.may_use_template) {
    throw forbidden("You do not have permission to use the template of this workspace.")
  }
  if (!context.may_update_template) {
    if (request.state || request.orphan) {
      throw forbidden(
        "Only those who may update the template may provide or drop a workspace's state.",
      )
    }
    if (request.on_success?.template_version_id) {
      throw forbidden(
        "Only those who may update the template may pin the version that OnSuccess starts.",
      )
    }
  }
  if (request.log_level && !context.may_debug) {
    throw badRequest(
      "Workspace builds with a custom log level are restricted to administrators only.",
    )
  }
}

function requireVersion(context: BuildContext): BuildableVersion {
  const { version, template } = context
  if (version === null) throw badRequest("template version does not exist")
  if (version.template_id !== template.id)
    throw badRequest("template version doesn't match template")
  requireImported(version)
  return version
}

/**
 * The values of a requested preset take precedence over the request's. Without one, the build gets
 * the preset that its values match.
 */
function resolveValues(context: BuildContext, version: BuildableVersion, request: BuildRequest) {
  const requested = request.template_version_preset_id
  const preset = requested === null ? null : version.presets.find(({ id }) => id === requested)
  if (preset === undefined) {
    throw badRequest("Template version preset doesn't exist.", {
      validations: [
        { field: "template_version_preset_id", detail: "preset not found in the template version" },
      ],
    })
  }
  const resolved = resolveParameters({
    parameters: version.parameters,
    preset: toMap(preset?.parameters ?? []),
    given: toMap(request.rich_parameter_values),
    previous: toMap(context.last?.parameters ?? []),
  })
  if (!resolved.ok) throw parameterRefusal(resolved)
  const matched = preset ?? matchPreset(version.presets, toMap(resolved.values))
  return { parameters: resolved.values, presetId: matched?.id ?? null }
}

function stateOf({ orphan, state }: BuildRequest): BuildPlan["state"] {
  if (orphan) return { kind: "none" }
  if (typeof state !== "string") return { kind: "last" }
  return { kind: "given", bytes: new Uint8Array(Buffer.from(state, "base64")) }
}
