/** The template manifest, `dormouse.json` at the root of a template's archive: its schema and its reader. */
import { messageOf } from "../../platform/event.ts"
import { z } from "zod"
import { manifestParameter, manifestVariable } from "./parameters.ts"
import { manifestPresets } from "./presets.ts"
import { checkParameterValue } from "../parameters/value.ts"
import { reportedResource } from "./reported.ts"
import { refuseDuplicateNames } from "./resource-names.ts"

export const MANIFEST_NAME = "dormouse.json"
export const MANIFEST_BYTES_MAX = 1024 * 1024
const PARAMETER_COUNT_MAX = 200
const RESOURCE_COUNT_MAX = 200
const ISSUES_SHOWN_MAX = 10

const scriptPath = z
  .string()
  .min(1)
  .max(256)
  .refine(isInside, "must be a relative path inside the archive, with forward slashes")
  .describe("Path of an executable script inside the archive.")

/** A resource of the plan; `persistent` ones exist while the workspace is stopped, too (their agents do not). */
const manifestResource = reportedResource.extend({
  persistent: z.boolean().optional().describe("Exists while the workspace is stopped, too."),
})

const manifestShape = z.object({
  $schema: z.string().optional(),
  engine: z.literal("script", { error: 'must be "script"' }).default("script"),
  scripts: z.object({
    start: scriptPath,
    stop: scriptPath.optional(),
    delete: scriptPath.optional(),
  }),
  parameters: uniqueNames(z.array(manifestParameter).max(PARAMETER_COUNT_MAX)).default([]),
  variables: uniqueNames(z.array(manifestVariable).max(PARAMETER_COUNT_MAX)).default([]),
  presets: manifestPresets.default([]),
  tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
  resources: z
    .array(manifestResource)
    .max(RESOURCE_COUNT_MAX)
    .superRefine(refuseDuplicateNames)
    .default([]),
})

const manifestSchema = manifestShape.superRefine(({ parameters, presets }, ctx) => {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  for (const [index, preset] of presets.entries()) {
    for (const [name, value] of Object.entries(preset.parameters)) {
      const parameter = byName.get(name)
      const complaint =
        parameter === undefined
          ? "the template has no such parameter"
          : checkParameterValue(parameter, value)
      if (complaint === null) continue
      ctx.addIssue({
        code: "custom",
        path: ["presets", index, "parameters", name],
        message: complaint,
      })
    }
  }
})

export type Manifest = z.output<typeof manifestSchema>

/** The JSON Schema that editors use for completion, generated into docs/. */
export const manifestJsonSchema = () => ({
  ...z.toJSONSchema(manifestSchema, { io: "input", unrepresentable: "any" }),
  title: "Dormouse template manifest",
})

export type ManifestReading = { ok: true; manifest: Manifest } | { ok: false; error: string }

/** Reads the text of a manifest. Each complaint names the place in the file, so an author can act on it. */
export function readManifest(text: string): ManifestReading {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return {
      ok: false,
      error: `${MANIFEST_NAME} is not JSON: ${messageOf(error)}`,
    }
  }
  const result = manifestSchema.safeParse(parsed)
  if (result.success) return { ok: true, manifest: result.data }
  return {
    ok: false,
    error: `${MANIFEST_NAME} is not valid:\n${explainIssues(result.error.issues)}`,
  }
}

/** One line an issue, `place: complaint`, bounded. */
export function explainIssues(issues: readonly z.core.$ZodIssue[]): string {
  const lines = issues
    .slice(0, ISSUES_SHOWN_MAX)
    .map((issue) => `- ${placeOf(issue.path)}: ${lowerFirst(issue.message)}`)
  const rest = issues.length - lines.length
  return [...lines, ...(rest > 0 ? [`- and ${rest} more`] : [])].join("\n")
}

function placeOf(path: readonly PropertyKey[]): string {
  const place = path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "")
  return place === "" ? "the whole" : place
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)

function isInside(path: string): boolean {
  if (path.startsWith("/") || path.includes("\\") || path.includes("\0")) return false
  return !path.split("/").some((part) => part === ".." || part === "")
}

/** A list of named things of which no two share a name. */
function uniqueNames<Schema extends z.ZodType<{ name: string }[]>>(schema: Schema): Schema {
  return schema.superRefine((items, ctx) => {
    const seen = new Set<string>()
    for (const [index, { name }] of items.entries()) {
      if (seen.has(name)) {
        ctx.addIssue({ code: "custom", path: [index, "name"], message: `"${name}" is there twice` })
      }
      seen.add(name)
    }
  })
}
