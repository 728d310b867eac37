// Patterns that template authors write, in the RE2 language.
//
// Matching takes at most the pattern's size times the value's length, and compiling takes the size.
// Both are bounded here, so that a pattern cannot hold up a request or a tick: `x{1000}` has a
// thousand instructions, and `\pL` one for each range of letters.
import { RE2JS } from "re2js"

/** Instructions of one pattern. */
export const patternSizeMax = 1_000
/** Instructions of all patterns of a version. */
export const patternSizesMax = 10_000
/** Compiling costs about as much per instruction as matching this many characters. */
const compileLength = 32
/** What a class of Unicode costs, against a character. */
const classSize = 10
const compiledCountMax = 64

/** Says what is wrong with a pattern, or null. */
export function patternProblem(pattern: string): string | null {
  if (patternSize(pattern) > patternSizeMax) {
    return `is too large: its repetitions expand to more than ${patternSizeMax} steps`
  }
  return compile(pattern) === null ? "is not a regular expression" : null
}

/** Whether the pattern occurs in the value; false if it is not a pattern. */
export function occursIn(pattern: string, value: string): boolean {
  return compile(pattern)?.matcher(value).find() ?? false
}

/** An upper bound of what the check of a value costs; a unit takes about half a microsecond. */
export function patternWork(pattern: string | null | undefined, value: string): number {
  return pattern ? patternSize(pattern) * (value.length + compileLength) : 0
}

// The most recently used are last.
const compiled = new Map<string, RE2JS | null>()

function compile(pattern: string): RE2JS | null {
  const known = compiled.get(pattern)
  if (known !== undefined) compiled.delete(pattern)
  const result = known === undefined ? compileNew(pattern) : known
  compiled.set(pattern, result)
  if (compiled.size > compiledCountMax) compiled.delete(compiled.keys().next().value ?? "")
  return result
}

function compileNew(pattern: string): RE2JS | null {
  if (patternSize(pattern) > patternSizeMax) return null
  try {
    return RE2JS.compile(pattern)
  } catch {
    return null
  }
}

const token = new RegExp(
  [
    // A literal text, a class of Unicode, an escape, a class, a counted repetition, a character.
    String.raw`\\Q[^]*?(?:\\E|$)`,
    String.raw`\\[pP](?:\{[^}]*\}|.)`,
    String.raw`\\x\{[^}]*\}|\\[^]`,
    String.raw`\[\^?\]?(?:\[:[^\]]*:\]|\\[^]|[^\]\\])*\]?`,
    String.raw`\{(\d{1,6})(,?)(\d{0,6})\}`,
    "[^]",
  ].join("|"),
  "gu",
)

/** The size to which a pattern's repetitions expand. It reads the text once, and never too low. */
export function patternSize(pattern: string): number {
  const open = [0]
  let last = 0
  const add = (size: number) => {
    open.push((open.pop() ?? 0) + size)
    last = size
  }
  for (const [text, low, comma, high] of pattern.matchAll(token)) {
    if (text === "(") open.push(0)
    else if (text === ")" && open.length > 1) add((open.pop() ?? 0) + 2)
    else if (low === undefined) add(sizeOf(text))
    else {
      const count = Math.max(Number(low) + (comma ? 1 : 0), Number(high))
      add(last * Math.max(0, count - 1))
    }
  }
  return open.reduce((sum, size) => sum + size, 0)
}

function sizeOf(text: string): number {
  if (text.startsWith("\\Q")) return text.length
  if (/^\\[pP]/.test(text)) return classSize
  return text.startsWith("[") ? 1 + classSize * (text.split(/\\[pP]/).length - 1) : 1
}
