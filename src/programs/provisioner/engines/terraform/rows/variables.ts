// The variables that the root module of a template declares.
import type { ReportedVariable } from "../../../../../templates/manifest/reported.ts"
import { compareText, type ConfigModule, type ConfigVariable } from "./show-json.ts"

/** Sorted by name. A variable without a default is required; `default = null` is a default. */
export const variableRows = (root: ConfigModule): ReportedVariable[] =>
  Object.entries(root.variables ?? {})
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, variable]) => ({
      name,
      description: variable.description === "" ? undefined : variable.description,
      type: typeOf(variable),
      default_value: defaultText(variable),
      required: !("default" in variable),
      sensitive: variable.sensitive ?? false,
    }))

/** Texts as they are, everything else as JSON, which the tool reads back by the declared type. */
function defaultText(variable: ConfigVariable): string | undefined {
  if (!("default" in variable)) return undefined
  if (variable.default === null || variable.default === undefined) return ""
  return typeof variable.default === "string" ? variable.default : JSON.stringify(variable.default)
}

/** OpenTofu prints the declared type; with Terraform the type of the default has to do. */
function typeOf({ type, default: value }: ConfigVariable): ReportedVariable["type"] {
  if (type !== undefined) return type === "number" || type === "bool" ? type : "string"
  if (typeof value === "number") return "number"
  return typeof value === "boolean" ? "bool" : "string"
}
