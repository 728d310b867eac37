// The query parameters of the provisioner lists.
//
// Each is checked, and an unknown parameter is rejected.
import { z } from "@hono/zod-openapi"
import { badRequest, type Validation } from "../../platform/http/errors.ts"
import { parseDurationMs } from "../../platform/http/instants.ts"
import { tagSet } from "../tags.ts"

const isUuid = (text: string) => z.guid().safeParse(text).success

type Parser<T> = (text: string) => T | undefined

export const parsers = {
  limit: (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
  ids: (text: string) => {
    const ids = text.split(",").map((id) => id.trim())
    return ids.every(isUuid) ? ids : undefined
  },
  tags: (text: string) => {
    const parsed = tagSet.safeParse(parseJson(text))
    return parsed.success ? parsed.data : undefined
  },
  boolean: (text: string) => {
    if (/^(1|t|true)$/i.test(text)) return true
    return /^(0|f|false)$/i.test(text) ? false : undefined
  },
  words: (words: readonly string[]) => (text: string) => {
    const asked = text.split(",").map((word) => word.trim())
    return asked.every((word) => words.includes(word)) ? asked : undefined
  },
  uuid: (text: string) => (isUuid(text) ? text.toLowerCase() : undefined),
  durationMs: parseDurationMs,
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Reads the query by a table of parsers; an empty value counts as absent. Throws the 400 that names
 * each bad parameter.
 */
export function parseQuery<T extends Record<string, Parser<unknown>>>(
  query: Record<string, string>,
  table: T,
): { [K in keyof T]?: NonNullable<ReturnType<T[K]>> } {
  const validations: Validation[] = []
  const values: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(query)) {
    const parse = table[name]
    if (parse === undefined) {
      // Callers may send their token in the query; it is not a parameter of the list.
      if (name !== "coder_session_token" && name !== "access_token") {
        validations.push({
          field: name,
          detail: `${JSON.stringify(name)} is not a valid query param`,
        })
      }
      continue
    }
    if (text === "") continue
    const value = parse(text)
    if (value === undefined) {
      validations.push({
        field: name,
        detail: `Query param ${JSON.stringify(name)} has an invalid value: ${JSON.stringify(text)}`,
      })
    } else values[name] = value
  }
  if (validations.length > 0)
    throw badRequest("Query parameters have invalid values.", { validations })
  return values as { [K in keyof T]?: NonNullable<ReturnType<T[K]>> }
}
