// Patterns that template authors write: the RE2 language, as the reference reads them. The engine takes time in proportion to the value
// whatever the pattern is, so that nobody's pattern holds up a request, or a tick.
import { RE2JS } from "re2js"

/** Whether a text is a pattern. */
export function isPattern(pattern: string): boolean {
  return compile(pattern) !== null
}

/** Whether the pattern occurs in the value; false where it is none. */
export function occursIn(pattern: string, value: string): boolean {
  return compile(pattern)?.matcher(value).find() ?? false
}

function compile(pattern: string): RE2JS | null {
  try {
    return RE2JS.compile(pattern)
  } catch {
    return null
  }
}
