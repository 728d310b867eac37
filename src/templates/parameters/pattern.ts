// Patterns that template authors write, in the RE2 language.
//
// Matching takes time in proportion to the value, whatever the pattern is. A pattern cannot hold up
// a request or a tick.
import { RE2JS } from "re2js"

/** Whether a text is a pattern. */
export function isPattern(pattern: string): boolean {
  return compile(pattern) !== null
}

/** Whether the pattern occurs in the value; false if it is not a pattern. */
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
