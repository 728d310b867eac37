// The template manifest, `dormouse.json` at the root of a template's archive: schema and reader.
import { messageOf } from "../../platform/event.ts"
import { z } from "zod"
import { manifestParameter, manifestVariable } from "./parameters.ts"
import { manifestPresets } from "./presets.ts"
import { checkParameterValue } from "../parameters/value.ts"
import { reportedResource } from "./reported.ts"
import { refuseDuplicateNames } from "./resource-names.ts"

export const manifestName = "dormouse.json"
export const manifestBytesMax = 1024 * 1024
const parameterCountMax = 200
const resourceCountMax = 200
const issuesShownMax = 10

const scriptPath = z
  .string()
  .min(1)
  .max(256)
  .refine(isInside, "must be a relative path inside the archive, with forward slashes")
  .describe("Path of an executable script inside the archive.")

/** A persistent resource also exists while the workspace is stopped; its agents do not. */
const manifestResource = reportedResource.extend({
  persistent: z.boolean().optional().describe("Also exists while the workspace is stopped."),
})

const manifestShape = z.object({
  $schema: z.string().optional(),
  engine: z.literal("script", { error: 'must be "script"' }).default("script"),
  scripts: z.object({
    start: scriptPath,
    stop: scriptPath.optional(),
    delete: scriptPath.optional(),
  }),
  parameters: uniqueNames(z.array(manifestParameter).max(parameterCountMax)).default([]),
  variables: uniqueNames(z.array(manifestVariable).max(parameterCountMax)).default([]),
  presets: manifestPresets.default([]),
  tags: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
  resources: z
    .array(manifestResource)
    .max(resourceCountMax)
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

/** Reads the text of a manifest. Each complaint names its place in the file. */
export function readManifest(text: string): ManifestReading {
  let parsed: unknown
  try {
    // Some editors save a byte-order mark.
    parsed = JSON.parse(text.replace(/^\uFEFF/, ""))
  } catch (error) {
    return {
      ok: false,
      error: `${manifestName} is not JSON: ${messageOf(error)}`,
    }
  }
  const result = manifestSchema.safeParse(parsed)
  if (result.success) return { ok: true, manifest: result.data }
  return {
    ok: false,
    error: `${manifestName} is not valid:\n${explainIssues(result.error.issues)}`,
  }
}

/** One line per issue, `place: complaint`, at most ten. */
export function explainIssues(issues: readonly z.core.$ZodIssue[]): string {
  const lines = issues
    .slice(0, issuesShownMax)
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

/** A list of named things with unique names. */
function uniqueNames<Schema extends z.ZodType<{ name: string }[]>>(schema: Schema): Schema {
  return schema.superRefine((items, ctx) => {
    const seen = new Set<string>()
    for (const [index, { name }] of items.entries()) {
      if (seen.has(name)) {
        ctx.addIssue({ code: "custom", path: [index, "name"], message: `"${name}" occurs twice` })
      }
      seen.add(name)
    }
  })
}
