// The form of a version's parameters with given values: values, diagnostics and form types.
import type { ParameterRow } from "../versions/detail-statements.ts"
import { patternWork } from "./pattern.ts"
import { checkParameterValue } from "./value.ts"

export type Diagnostic = {
  severity: "error" | "warning"
  summary: string
  detail: string
  extra: { code: string }
}

/** What the patterns of one form may cost, as for a build. */
const workMax = 1_000_000

const error = (summary: string, detail: string, code = ""): Diagnostic => ({
  severity: "error",
  summary,
  detail,
  extra: { code },
})

/** Evaluates the imported rows, in their order. Ignores inputs for unknown names. */
export function evaluateParameters(
  rows: readonly ParameterRow[],
  inputs: Readonly<Record<string, string>>,
) {
  let work = workMax
  return rows.map((row, order) => {
    const given = Object.hasOwn(inputs, row.name) ? inputs[row.name] : undefined
    const value = given ?? row.default_value
    const isMissing = row.required && (given === undefined || given === "")
    work -= patternWork(row.validation_regex, value)
    const diagnostics = isMissing
      ? [error("Required parameter not provided", "parameter value is required", "required")]
      : findProblems(row, value, work)
    return {
      name: row.name,
      display_name: row.display_name,
      description: row.description,
      icon: row.icon,
      type: row.type,
      form_type: row.form_type || usualFormType(row),
      styling: {},
      mutable: row.mutable,
      required: row.required,
      ephemeral: row.ephemeral,
      order,
      default_value: { value: row.default_value, valid: !row.required },
      value: { value: isMissing ? "" : value, valid: !isMissing },
      options: row.options.map((option) => ({
        ...option,
        value: { value: option.value, valid: true },
      })),
      validations: validationsOf(row),
      diagnostics,
    }
  })
}

function findProblems(row: ParameterRow, value: string, work: number): Diagnostic[] {
  if (value === "" && !row.required) return []
  const summary = "Invalid parameter value"
  if (work < 0) return [error(summary, "the values are too long for the template's patterns")]
  const problem = checkParameterValue(row, value)
  return problem === null ? [] : [error(summary, problem)]
}

function usualFormType({ type, options }: ParameterRow): string {
  if (options.length > 0) return "radio"
  if (type === "bool") return "checkbox"
  return type === "list(string)" ? "tag-select" : "input"
}

function validationsOf(row: ParameterRow) {
  const { validation_regex, validation_min, validation_max, validation_monotonic } = row
  const isChecked =
    validation_regex !== "" ||
    validation_min !== null ||
    validation_max !== null ||
    validation_monotonic !== ""
  if (!isChecked) return []
  return [
    {
      validation_error: row.validation_error,
      validation_regex: validation_regex || null,
      validation_min,
      validation_max,
      validation_monotonic: validation_monotonic || null,
    },
  ]
}
