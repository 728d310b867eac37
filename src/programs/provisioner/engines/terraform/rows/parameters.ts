// `data.coder_parameter` as the parameters of a version.
import { z } from "zod"
import {
  reportedParameter,
  type ReportedParameter,
} from "../../../../../templates/manifest/reported.ts"
import { anyText, block, blocks, flag, number, text } from "./attributes.ts"
import { compareText, type Instance, type Values } from "./show-json.ts"
import { TemplateError } from "./template-error.ts"

/** In the order of the form: by `order`, then by name. */
export const parameterRows = (dataSources: readonly Instance[]): ReportedParameter[] =>
  dataSources
    .filter(({ type }) => type === "coder_parameter")
    .map(({ values = {} }) => parameterRow(values))
    .sort(
      (a, b) =>
        (a.order ?? 0) - (b.order ?? 0) ||
        compareText(a.name.toLowerCase(), b.name.toLowerCase()) ||
        compareText(a.name, b.name),
    )

function parameterRow(values: Values): ReportedParameter {
  const isOptional = flag(values, "optional") === true
  const validation = block(values, "validation")
  const options = blocks(values, "option")
  return {
    name: anyText(values, "name"),
    display_name: text(values, "display_name"),
    description: text(values, "description"),
    type: oneOf(
      reportedParameter.shape.type.unwrap(),
      text(values, "type") ?? "string",
      values,
      "type",
    ),
    form_type: oneOf(
      reportedParameter.shape.form_type.unwrap(),
      anyText(values, "form_type"),
      values,
      "form type",
    ),
    mutable: flag(values, "mutable") ?? false,
    // A required parameter has no default, not even an empty one.
    default_value: isOptional ? anyText(values, "default") : undefined,
    icon: text(values, "icon"),
    options: options.length === 0 ? undefined : options.map(optionRow),
    ...(validation !== undefined && validationColumns(validation)),
    required: !isOptional,
    ephemeral: flag(values, "ephemeral") ?? false,
    order: number(values, "order"),
  }
}

const optionRow = (option: Values) => ({
  name: anyText(option, "name"),
  description: text(option, "description"),
  value: anyText(option, "value"),
  icon: text(option, "icon"),
})

/** An unset bound reads as 0; only the flag beside it says so. */
function validationColumns(validation: Values) {
  const monotonic = text(validation, "monotonic")
  return {
    validation_error: text(validation, "error"),
    validation_regex: text(validation, "regex"),
    validation_min: flag(validation, "min_disabled") ? undefined : number(validation, "min"),
    validation_max: flag(validation, "max_disabled") ? undefined : number(validation, "max"),
    validation_monotonic:
      monotonic === "increasing" || monotonic === "decreasing" ? monotonic : undefined,
  } satisfies Partial<ReportedParameter>
}

/** A value that a newer provider has and this version does not know is an error with its name. */
function oneOf<T extends string>(
  known: z.ZodType<T>,
  value: string,
  parameter: Values,
  what: string,
): T {
  const read = known.safeParse(value)
  if (read.success) return read.data
  throw new TemplateError(
    `The parameter ${JSON.stringify(anyText(parameter, "name"))} has the ${what} ` +
      `${JSON.stringify(value)}, which is not supported.`,
  )
}
