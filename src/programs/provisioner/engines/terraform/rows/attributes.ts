// Readers of a resource's attributes. Null, the empty text and absence all mean "not set".
import type { Values } from "./show-json.ts"

export function text(values: Values | undefined, name: string): string | undefined {
  const value = values?.[name]
  return typeof value === "string" && value !== "" ? value : undefined
}

/** The value where it is a text, else the empty one. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

/** A text that may be empty: then the empty text is its value. */
export const anyText = (values: Values | undefined, name: string): string => textOf(values?.[name])

/** True, or undefined: an unset flag and one that is off are the same. */
export const flag = (values: Values | undefined, name: string): true | undefined =>
  values?.[name] === true ? true : undefined

export function number(values: Values | undefined, name: string): number | undefined {
  const value = values?.[name]
  return typeof value === "number" ? value : undefined
}

/** The nested blocks of a name. A block that appears at most once is a list as well. */
export function blocks(values: Values | undefined, name: string): Values[] {
  const value = values?.[name]
  return Array.isArray(value) ? value.filter((entry): entry is Values => isRecord(entry)) : []
}

export const block = (values: Values | undefined, name: string): Values | undefined =>
  blocks(values, name)[0]

/** A map of texts. Elements that are null or not known yet are left out. */
export function textMap(values: Values | undefined, name: string): Record<string, string> {
  const value = values?.[name]
  if (!isRecord(value)) return {}
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  )
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
