// Checks a value against its parameter: type, options, pattern, bounds.
import { occursIn } from "./pattern.ts"

export type ParameterRule = {
  type: "string" | "number" | "bool" | "list(string)"
  options: readonly { value: string }[]
  form_type?: string | undefined
  validation_error?: string | null | undefined
  validation_regex?: string | null | undefined
  validation_min?: number | null | undefined
  validation_max?: number | null | undefined
  validation_monotonic?: "increasing" | "decreasing" | "" | null | undefined
}

const valueLengthMax = 8192

/** Returns a complaint or null. `previous` is the last build's value, for monotonic numbers. */
export function checkParameterValue(
  rule: ParameterRule,
  value: string,
  previous?: string,
): string | null {
  if (value.length > valueLengthMax)
    return `parameter value is longer than ${valueLengthMax} characters`
  if (value.includes("\0")) return "parameter value must not contain NUL bytes"
  return checkOptions(rule, value) ?? checkType(rule, value, previous)
}

/** Checks each item of a list; any other value is one choice. */
function checkOptions(rule: ParameterRule, value: string): string | null {
  if (rule.options.length === 0) return null
  const allowed = rule.options.map((option) => option.value)
  if (allowed.includes(value)) return null
  const chosen = rule.type === "list(string)" ? parseList(value) : null
  if (chosen?.every((item) => allowed.includes(item))) return null
  return `parameter value must match one of options: ${JSON.stringify(allowed)}`
}

function checkType(
  rule: ParameterRule,
  value: string,
  previous: string | undefined,
): string | null {
  switch (rule.type) {
    case "string":
      return checkPattern(rule, value)
    case "number":
      return checkNumber(rule, value, previous)
    case "bool":
      return value === "true" || value === "false"
        ? null
        : 'parameter value must be "true" or "false"'
    case "list(string)":
      return parseList(value) === null ? "parameter value must be a JSON list of strings" : null
    default:
      return unreachable(rule.type)
  }
}

function checkPattern(rule: ParameterRule, value: string): string | null {
  if (!rule.validation_regex) return null
  if (occursIn(rule.validation_regex, value)) return null
  return (
    authorMessage(rule, value) ??
    `parameter value does not match the pattern ${rule.validation_regex}`
  )
}

function checkNumber(
  rule: ParameterRule,
  value: string,
  previous: string | undefined,
): string | null {
  const number = toNumber(value)
  if (number === null) return "parameter value must be a number"
  const { validation_min: min, validation_max: max } = rule
  if (typeof min === "number" && number < min) {
    return authorMessage(rule, value) ?? `value ${value} is less than the minimum ${min}`
  }
  if (typeof max === "number" && number > max) {
    return authorMessage(rule, value) ?? `value ${value} is more than the maximum ${max}`
  }
  const before = previous === undefined ? null : toNumber(previous)
  if (before === null) return null
  if (rule.validation_monotonic === "increasing" && number < before) {
    return (
      authorMessage(rule, value) ??
      `parameter value must be equal or greater than previous value: ${previous}`
    )
  }
  if (rule.validation_monotonic === "decreasing" && number > before) {
    return (
      authorMessage(rule, value) ??
      `parameter value must be equal or lower than previous value: ${previous}`
    )
  }
  return null
}

/** The template author's own message, with its placeholders filled. */
function authorMessage(rule: ParameterRule, value: string): string | null {
  if (!rule.validation_error) return null
  return rule.validation_error
    .replaceAll("{value}", () => value)
    .replaceAll("{min}", () => String(rule.validation_min ?? ""))
    .replaceAll("{max}", () => String(rule.validation_max ?? ""))
}

function toNumber(text: string): number | null {
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) return null
  const number = Number(text)
  return Number.isFinite(number) ? number : null
}

function parseList(text: string): string[] | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return Array.isArray(parsed) && parsed.every((item) => typeof item === "string") ? parsed : null
  } catch {
    return null
  }
}

function unreachable(value: never): never {
  throw new Error(`unexpected parameter type ${String(value)}`)
}
