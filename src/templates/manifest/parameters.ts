// Parameters and variables of a template manifest, and the checks of a parameter.
import { z } from "zod"
import { pictureError, picturePattern } from "../../platform/picture.ts"
import { checkParameterValue } from "../parameters/value.ts"
import { patternProblem } from "../parameters/pattern.ts"
import {
  entryNameLengthMax,
  iconLengthMax,
  int32,
  nameLengthMax,
  optionCountMax,
  order,
  patternLengthMax,
  textLengthMax,
} from "./reported.ts"

const noNul = (value: string) => !value.includes("\0")
const nulMessage = "must not contain NUL bytes"
export const plainText = z.string().max(textLengthMax).refine(noNul, nulMessage)
export const entryName = plainText.min(1).max(entryNameLengthMax)
export const icon = plainText.max(iconLengthMax).regex(picturePattern, pictureError).default("")

/** People write `4` or `true` where the wire has text, so defaults and values accept both. */
export const scalarText = z
  .union([plainText, z.number(), z.boolean()])
  .transform((value) => String(value))

const formTypes = [
  "",
  "radio",
  "dropdown",
  "input",
  "textarea",
  "slider",
  "checkbox",
  "switch",
  "tag-select",
  "multi-select",
] as const

const parameterOption = z.object({
  name: plainText.min(1).max(nameLengthMax),
  description: plainText.default(""),
  value: scalarText,
  icon,
})

const parameterShape = z.object({
  name: entryName.describe("What people and clients call it; unique within the template."),
  display_name: plainText.default(""),
  description: plainText.default("").describe("Markdown."),
  type: z
    .enum(["string", "number", "bool", "list(string)"], {
      error: "must be one of string, number, bool, list(string)",
    })
    .default("string"),
  form_type: z.enum(formTypes).default(""),
  mutable: z.boolean().default(true).describe("Can be changed after the workspace was created."),
  default_value: scalarText.optional().describe("Absent: the parameter is required."),
  icon,
  options: z.array(parameterOption).max(optionCountMax).default([]),
  validation_error: plainText
    .default("")
    .describe("Shown instead of the default message. {value}, {min} and {max} are replaced."),
  validation_regex: z.string().max(patternLengthMax).default(""),
  validation_min: int32.optional(),
  validation_max: int32.optional(),
  validation_monotonic: z.enum(["increasing", "decreasing"]).optional(),
  required: z.boolean().optional().describe("By default: whether default_value is absent."),
  ephemeral: z.boolean().default(false).describe("Used for one build only; needs a default."),
  order: order.default(0),
})

/** What is wrong with a parameter whose fields are each well-formed. */
function contradictions(
  parameter: z.infer<typeof parameterShape>,
): [field: string, message: string][] {
  const found: [string, string][] = []
  const { type } = parameter
  const isNumber = type === "number"
  if (!isNumber && parameter.validation_min !== undefined)
    found.push(["validation_min", "is for numbers"])
  if (!isNumber && parameter.validation_max !== undefined)
    found.push(["validation_max", "is for numbers"])
  if (!isNumber && parameter.validation_monotonic)
    found.push(["validation_monotonic", "is for numbers"])
  if (
    parameter.validation_min !== undefined &&
    parameter.validation_max !== undefined &&
    parameter.validation_min > parameter.validation_max
  ) {
    found.push(["validation_min", "is greater than validation_max"])
  }
  if (parameter.validation_regex !== "") {
    if (type !== "string") found.push(["validation_regex", "is for strings"])
    const problem = patternProblem(parameter.validation_regex)
    if (problem !== null) found.push(["validation_regex", problem])
  }
  if (parameter.ephemeral && parameter.default_value === undefined) {
    found.push(["ephemeral", "needs a default_value"])
  }
  if (parameter.ephemeral && !parameter.mutable)
    found.push(["ephemeral", "needs a mutable parameter"])
  if (parameter.required === true && parameter.default_value !== undefined) {
    found.push(["required", "contradicts the default_value"])
  }
  if (parameter.required === false && parameter.default_value === undefined) {
    found.push(["default_value", "is needed when the parameter is not required"])
  }
  const values = parameter.options.map((option) => option.value)
  if (new Set(values).size !== values.length) found.push(["options", "have the same value twice"])
  if (
    found.length === 0 &&
    parameter.default_value !== undefined &&
    parameter.default_value !== ""
  ) {
    const complaint = checkParameterValue(parameter, parameter.default_value)
    if (complaint !== null) found.push(["default_value", complaint])
  }
  return found
}

export const manifestParameter = parameterShape
  .superRefine((parameter, ctx) => {
    for (const [field, message] of contradictions(parameter)) {
      ctx.addIssue({ code: "custom", path: [field], message })
    }
  })
  .transform(({ default_value, required, ...rest }) => ({
    ...rest,
    required: required ?? default_value === undefined,
    default_value: default_value ?? "",
  }))

export const manifestVariable = z
  .object({
    name: entryName,
    description: plainText.default(""),
    type: z
      .enum(["string", "number", "bool"], { error: "must be one of string, number, bool" })
      .default("string"),
    default_value: scalarText.optional(),
    required: z.boolean().optional().describe("By default: whether default_value is absent."),
    sensitive: z.boolean().default(false),
  })
  .transform(({ default_value, required, ...rest }) => ({
    ...rest,
    required: required ?? default_value === undefined,
    default_value: default_value ?? "",
  }))
