// What clients send to create or change a template, and what it says about the settings.
import { z } from "@hono/zod-openapi"
import { conflict, type Validation } from "../platform/http/errors.ts"
import { isTemplateName } from "../platform/names.ts"
import { tagError } from "../platform/http/tag-error.ts"
import { uuidSchema } from "../platform/http/wire.ts"
import type { SettingsChange, TemplateSettings } from "./policy/columns.ts"
import {
  changeOnly,
  dormancy,
  fieldNames,
  fields,
  hidden,
  requirements,
  schemasOf,
  shared,
  type Intent,
  type Requirements,
} from "./policy/fields.ts"

const templateName = (holds: (name: string) => boolean) =>
  z
    .string()
    .max(32, { error: tagError("template_name") })
    .refine(holds, { error: tagError("template_name") })

// Accepted and ignored: there is only the classic flow, and a client that read `false` back would
// ask for the other.
const classicFlow = z.boolean().nullish()

/** All optional; Go clients send null for what they leave out. */
const common = { ...schemasOf({ ...shared, ...hidden }, "request"), ...requirements }

export const createTemplateRequest = z
  .object({
    ...common,
    name: templateName(isTemplateName),
    template_version_id: uuidSchema,
    dormant_ttl_ms: dormancy.time_til_dormant_ms.request,
    delete_ttl_ms: dormancy.time_til_dormant_autodelete_ms.request,
    template_use_classic_parameter_flow: classicFlow,
  })
  .openapi("CreateTemplateRequest")

export const patchTemplateRequest = z
  .object({
    ...common,
    ...schemasOf({ ...dormancy, ...changeOnly }, "request"),
    name: templateName((name) => name === "" || isTemplateName(name)).nullish(),
    update_workspace_last_used_at: z.boolean().nullish(),
    update_workspace_dormant_at: z.boolean().nullish(),
    use_classic_parameter_flow: classicFlow,
  })
  .openapi("UpdateTemplateMeta")

export type CreateTemplateRequest = z.infer<typeof createTemplateRequest>
export type PatchTemplateRequest = z.infer<typeof patchTemplateRequest>

type Body = Requirements & Record<string, unknown>
type Reading = { change: SettingsChange; validations: Validation[] }

/** What the body says of each setting, and what is wrong with it. */
function read(body: Body, intent: Intent): Reading {
  const validations: Validation[] = []
  const change = fieldNames.map((name) => {
    const field = fields[name]
    const value = ("read" in field ? field.read(body) : body[name]) ?? null
    const detail = value === null ? null : field.check?.(value, intent)
    if (detail) validations.push({ field: reportedName(name, intent), detail })
    return [name, value]
  })
  return { change: Object.fromEntries(change) as SettingsChange, validations }
}

function reportedName(name: keyof typeof fields, intent: Intent): string {
  const field = fields[name]
  if ("name" in field) return field.name
  return intent === "create" ? (field.createdAs ?? name) : name
}

/** The settings of a new template. */
export function readNewSettings(body: CreateTemplateRequest): {
  settings: TemplateSettings
  validations: Validation[]
} {
  const columns = {
    ...body,
    time_til_dormant_ms: body.dormant_ttl_ms,
    time_til_dormant_autodelete_ms: body.delete_ttl_ms,
  }
  const { change, validations } = read(columns, "create")
  const settings = fieldNames.map((name) => [name, change[name] ?? fields[name].initial])
  return { settings: Object.fromEntries(settings) as TemplateSettings, validations }
}

/** What a change says of the settings. */
export const readSettingsChange = (body: PatchTemplateRequest): Reading => read(body, "change")

/** The refusal of a second template of one name. */
export const nameInUse = (name: string) =>
  conflict(`Template with name ${JSON.stringify(name)} already exists.`, {
    validations: [{ field: "name", detail: "This value is already in use and should be unique." }],
  })
