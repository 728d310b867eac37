// One line that the tool prints with `-json`, and what the log of the job shows of it.
import type { LogLine } from "../../../../queue/jobs/protocol.ts"
import { isRecord, textOf } from "./rows/attributes.ts"

export type Diagnostic = {
  severity: "error" | "warning"
  summary: string
  detail: string
  /** `main.tf:9` */
  at: string | null
  /** The source text that it points to. */
  code: string
}

export type UiLine = {
  type: string
  level: NonNullable<LogLine["level"]>
  message: string
  /** As the tool wrote it, on this machine's clock. */
  timestamp: string
  diagnostic: Diagnostic | null
  hook: Record<string, unknown> | null
  /** The planned action of a `planned_change`. */
  plannedAction: string
}

/** Null for a line of plain text, which the tool prints here and there. */
export function parseUiLine(line: string): UiLine | null {
  if (!line.startsWith("{")) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return null
  }
  if (!isRecord(parsed) || typeof parsed["@message"] !== "string") return null
  const change = parsed["change"]
  return {
    type: textOf(parsed["type"]),
    level: levelOf(parsed["@level"]),
    message: parsed["@message"],
    timestamp: textOf(parsed["@timestamp"]),
    diagnostic: diagnosticOf(parsed["diagnostic"]),
    hook: isRecord(parsed["hook"]) ? parsed["hook"] : null,
    plannedAction: isRecord(change) ? textOf(change["action"]) : "",
  }
}

function levelOf(value: unknown): UiLine["level"] {
  return value === "trace" || value === "debug" || value === "warn" || value === "error"
    ? value
    : "info"
}

function diagnosticOf(value: unknown): Diagnostic | null {
  if (!isRecord(value)) return null
  const range = isRecord(value["range"]) ? value["range"] : {}
  const start = isRecord(range["start"]) ? range["start"] : {}
  const snippet = isRecord(value["snippet"]) ? value["snippet"] : {}
  const file = textOf(range["filename"])
  const line = typeof start["line"] === "number" ? start["line"] : 1
  return {
    severity: value["severity"] === "error" ? "error" : "warning",
    summary: textOf(value["summary"]),
    detail: textOf(value["detail"]),
    at: file === "" ? null : `${file}:${line}`,
    code: textOf(snippet["code"]),
  }
}

/**
 * The lines of the log. Only the message is shown: other fields carry source text and the values of
 * outputs. The tool's version and what stays as it is are left out.
 */
export function toLogOutputs(line: UiLine): { level: UiLine["level"]; output: string }[] {
  const isIdle = line.plannedAction === "noop" || line.plannedAction === "no-op"
  if (
    line.type === "version" ||
    line.type === "outputs" ||
    (line.type === "planned_change" && isIdle)
  ) {
    return []
  }
  const level = line.type.startsWith("refresh_") ? "debug" : line.level
  const texts = [line.message]
  if (line.diagnostic !== null) {
    if (line.diagnostic.detail !== "") texts.push(line.diagnostic.detail)
    if (line.diagnostic.at !== null)
      texts.push(`on ${line.diagnostic.at.replace(/:(\d+)$/, " line $1")}`)
  }
  return texts
    .flatMap((text) => text.split("\n"))
    .map((text) => text.trimEnd())
    .filter((output) => output !== "")
    .map((output) => ({ level, output }))
}

const diagnosticsShownMax = 5

/**
 * The error of a job: what the tool complained of, each with its place. Null where it said nothing.
 */
export function errorOf(diagnostics: readonly Diagnostic[]): string | null {
  const errors = diagnostics.filter(({ severity }) => severity === "error")
  if (errors.length === 0) return null
  const shown = errors.slice(0, diagnosticsShownMax).map(({ summary, detail, at }) => {
    const what = detail === "" ? summary : `${summary}: ${detail.trim()}`
    return at === null ? what : `${what} (${at})`
  })
  const rest = errors.length - shown.length
  return [...shown, ...(rest > 0 ? [`and ${rest} more errors`] : [])].join("\n")
}

const missingVariable = "No value for required variable"

/** The variables for which the tool found no value, by name. */
export const missingVariables = (diagnostics: readonly Diagnostic[]): string[] =>
  diagnostics
    .filter(({ summary }) => summary === missingVariable)
    .map(
      ({ code, detail }) =>
        (/variable\s+"([^"]+)"/.exec(code) ?? /variable "([^"]+)"/.exec(detail))?.[1] ?? "",
    )
    .filter((name) => name !== "")
    .sort()
