// The grammar of every `q` search: terms are bare or `key:value`, and double quotes protect blanks.
//
// A room reads its keys through `createSearchReader`, which collects all problems, so that one
// answer names them all.

import { parseTime } from "./instants.ts"

export type SearchIssue = { field: string; detail: string }
/** `raw` has the quotes of the query. */
export type SearchTerm = { key: string; value: string; raw?: string }
type Tokens = { terms: SearchTerm[]; issue: null } | { terms: null; issue: SearchIssue }

const uuidPattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** Splits on a separator that stands outside double quotes; empty pieces vanish, quotes stay. */
export function splitOutsideQuotes(text: string, isSeparator: (char: string) => boolean): string[] {
  const pieces: string[] = []
  let piece = ""
  let isQuoted = false
  for (const char of text) {
    if (char === '"') isQuoted = !isQuoted
    if (!isQuoted && isSeparator(char)) {
      if (piece !== "") pieces.push(piece)
      piece = ""
    } else {
      piece += char
    }
  }
  if (piece !== "") pieces.push(piece)
  return pieces
}

/** Drops the double quotes around a piece. */
export function stripQuotes(piece: string): string {
  // An expression like /"+$/ takes quadratic time over quotes.
  let [start, end] = [0, piece.length]
  while (start < end && piece[start] === '"') start++
  while (end > start && piece[end - 1] === '"') end--
  return piece.slice(start, end)
}

const isBlank = (char: string) => /\s/.test(char)
const isColon = (char: string) => char === ":"

/**
 * Cuts a query into terms. Words without a colon are joined by blanks and passed to
 * `readBareTerm` last.
 * The first syntax error ends the reading.
 */
export function tokenizeSearch(
  query: string,
  readBareTerm: (text: string) => SearchTerm[] | SearchIssue,
): Tokens {
  const terms: SearchTerm[] = []
  const bareWords: string[] = []
  for (const element of splitOutsideQuotes(query.toLowerCase(), isBlank)) {
    if (element.startsWith(":") || element.endsWith(":")) {
      return fail(`Query element ${JSON.stringify(element)} cannot start or end with ':'`)
    }
    const [key, value, ...more] = splitOutsideQuotes(element, isColon)
    if (key === undefined) continue
    if (more.length > 0)
      return fail(`Query element ${JSON.stringify(element)} can only contain 1 ':'`)
    if (value === undefined) bareWords.push(element)
    else terms.push({ key: stripQuotes(key), value: stripQuotes(value), raw: value })
  }
  if (bareWords.length > 0) {
    const read = readBareTerm(bareWords.join(" "))
    if (!Array.isArray(read)) return { terms: null, issue: read }
    terms.push(...read)
  }
  return { terms, issue: null }
}

function fail(detail: string): Tokens {
  return { terms: null, issue: { field: "q", detail } }
}

/**
 * Reads typed values out of terms. A key that was read is known; `finish` reports every other key
 * and every bad value.
 */
export function createSearchReader(terms: SearchTerm[]) {
  const issues: SearchIssue[] = []
  const known = new Set<string>()

  function values(key: string): string[] {
    known.add(key)
    return terms.filter((term) => term.key === key).map((term) => term.value)
  }

  function report(key: string, problem: string): undefined {
    issues.push({ field: key, detail: `Query param ${JSON.stringify(key)} ${problem}` })
    return undefined
  }

  function single(key: string): string | undefined {
    const found = values(key)
    if (found.length > 1) return report(key, `provided more than once, found ${found.length} times`)
    return found[0]
  }

  function text(key: string): string | undefined {
    return single(key) || undefined
  }

  return {
    text,
    report,
    /** Whether the key occurs at all, even with an empty value. */
    isPresent: (key: string) => values(key).length > 0,
    list: (key: string): string[] =>
      values(key)
        .flatMap((value) => value.split(","))
        .map((value) => value.trim())
        .filter((value) => value !== ""),
    /** As `list`, but quotes protect commas. */
    protectedList(key: string): { text: string; isQuoted: boolean }[] {
      known.add(key)
      return terms
        .filter((term) => term.key === key)
        .flatMap(({ value, raw }) => splitOutsideQuotes(raw ?? value, (char) => char === ","))
        .map((piece) => ({
          text: piece.replaceAll('"', "").trim(),
          isQuoted: piece.includes('"'),
        }))
        .filter(({ text }) => text !== "")
    },
    boolean(key: string): boolean | undefined {
      const value = text(key)
      if (value === undefined) return undefined
      if (value === "1" || value === "t" || value === "true") return true
      if (value === "0" || value === "f" || value === "false") return false
      return report(
        key,
        `must be a valid boolean: ${JSON.stringify(value)} is neither true nor false`,
      )
    },
    time(key: string): Date | undefined {
      const value = text(key)?.toUpperCase()
      if (value === undefined) return undefined
      return (
        parseTime(value) ?? report(key, `must be a valid RFC 3339 time: ${JSON.stringify(value)}`)
      )
    },
    oneOf<const Option extends string>(
      key: string,
      options: readonly Option[],
    ): Option | undefined {
      const value = text(key)
      if (value === undefined) return undefined
      const option = options.find((option) => option === value)
      if (option !== undefined) return option
      const problem = `${JSON.stringify(value)} is not a valid value of ${options.join(", ")}`
      return report(key, `has invalid values: ${problem}`)
    },
    uuids(key: string): string[] | undefined {
      const found = this.list(key)
      const wrong = found.filter((value) => !uuidPattern.test(value))
      if (wrong.length > 0) {
        const named = wrong.map((value) => JSON.stringify(value)).join(", ")
        return report(key, `has invalid values: ${named} is no UUID`)
      }
      return found.length > 0 ? found : undefined
    },
    uuid(key: string): string | undefined {
      const value = text(key)
      if (value === undefined || uuidPattern.test(value)) return value
      return report(key, `must be a valid UUID: ${JSON.stringify(value)}`)
    },
    /** Every bad value, then every unknown key, each once. */
    finish(): SearchIssue[] {
      const unknown = new Set(terms.map((term) => term.key).filter((key) => !known.has(key)))
      for (const key of unknown) {
        issues.push({ field: key, detail: `${JSON.stringify(key)} is not a valid query param` })
      }
      return issues
    },
  }
}
