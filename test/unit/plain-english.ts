// Finds prose in comments, test names and pages that an English-speaking engineer would not write.
//
// `node test/unit/plain-english.ts PATH...` prints what it finds below the paths.
import { existsSync, readFileSync } from "node:fs"
import { execFileSync } from "node:child_process"
import { dirname, join } from "node:path"

const root = join(import.meta.dirname, "..", "..")

/** `rule` is short and stable; `text` shows the passage. */
export type Finding = { path: string; line: number; rule: string; text: string }

type Passage = { line: number; text: string }

const columnsMax = 100
const wordsMax = 25

/** Each word or phrase, with what to write in its place. */
const banned: readonly (readonly [RegExp, string])[] = [
  [/\bwhoever\b/i, "name the actor"],
  [/\banew\b/i, "again"],
  [/\bmeanwhile\b/i, "say when"],
  [/\bbefall\w*\b/i, "happen"],
  [/\bof which\b/i, "split the sentence"],
  [/\bthe dead\b/i, "deleted"],
  [/\b(lies?|lay|lying) (in|there|with)\b/i, "is in, is stored"],
  [/\b(hears?|heard|hearing)\b/i, "is notified, receives"],
  [/\b(tells?|told|telling)\b(?!( \S+){0,3} apart)/i, "notify, report, say"],
  [/\b(goes|went|go|going|gone) with\b/i, "say what happens"],
  [/\bis none\b/i, "does not exist"],
  [/\bwho asks\b/i, "the caller"],
  [/\bwhat comes\b/i, "name the thing"],
  [/\bno more\b(?! than)/i, "no longer"],
  [/\bin the place of\b/i, "instead of"],
  [/\bthe word of\b/i, "the claim of"],
  [/\bas of old\b|\bsince ever\b|\bfor ever\b|\bof old\b/i, "say since when"],
  [
    /\bthereof\b|\bwherein\b|\bthereby\b|\bherewith\b|\bwhereupon\b|\bupon which\b/i,
    "use plain words",
  ],
]

/** Pages that exist only where the project was designed. */
const sections = /\b\w[\w-]*\.md,? \d|\bdecision \d|\((?:[A-F]\d{1,2})(?:[,.;) ]|, [A-F]\d)/i

/** The comments, test names and statements' comments of a file, or the paragraphs of a page. */
function passagesOf(path: string, text: string): Passage[] {
  const lines = text.split("\n")
  const passages: Passage[] = []
  let open: Passage | undefined
  const close = () => {
    if (open) passages.push(open)
    open = undefined
  }
  const add = (line: number, words: string) => {
    const trimmed = words.trim()
    if (trimmed === "") return close()
    if (/^([-*|#>+]|\d+\.)\s/.test(trimmed)) close()
    if (open) open.text += ` ${trimmed}`
    else open = { line, text: trimmed }
  }
  let isCode = false
  lines.forEach((line, index) => {
    const number = index + 1
    if (path.endsWith(".md")) {
      if (/^\s*```/.test(line)) isCode = !isCode
      if (isCode || /^\s*```/.test(line) || line.trimStart().startsWith("|")) return close()
      return add(number, line)
    }
    const whole = /^\s*(?:\/\/|\/\*\*?|\*(?!\/)|--(?= |$))\s?(.*?)(?:\*\/)?$/.exec(line)
    if (whole) return add(number, whole[1] ?? "")
    close()
    const trailing = /\s\/\/\s(.*)$/.exec(line)?.[1]
    if (trailing !== undefined) passages.push({ line: number, text: trailing })
    const name = /\b(?:test|it|describe)(?:\.\w+(?:\([^)]*\))?)?\(\s*"([^"]+)"/.exec(line)?.[1]
    if (name !== undefined) passages.push({ line: number, text: name })
  })
  close()
  return passages
}

const sentencesOf = (text: string) =>
  text.replaceAll(/`[^`]*`/g, "code").split(/(?<=[.!?;:])\s+|\s[-–—]\s/)

/** A page is named from the root, from `docs/`, or from the file's own folder. */
const exists = (path: string, page: string) =>
  [join(root, page), join(root, "docs", page), join(root, dirname(path), page)].some((place) =>
    existsSync(place),
  )

export function findingsIn(path: string, text: string): Finding[] {
  const found: Finding[] = []
  const report = (line: number, rule: string, passage: string) =>
    found.push({ path, line, rule, text: passage.slice(0, 120) })

  let isCommand = false
  text.split("\n").forEach((line, index) => {
    // Commands on a page are pasted, so they may be long.
    if (path.endsWith(".md") && /^\s*```/.test(line)) isCommand = !isCommand
    const isTable = path.endsWith(".md") && /^\s*\|/.test(line)
    // A link cannot be broken, and a message that stands alone is searched for whole.
    const isWhole =
      /https?:\/\/\S{60}|^\s*(return |const \w+ = |: )?(["`])[^"`]*\2[,)]*$|oxlint-disable|^import /.test(
        line,
      )
    if (line.length > columnsMax && !isCommand && !isTable && !isWhole)
      report(index + 1, "columns", line.trim())
  })
  for (const passage of passagesOf(path, text)) {
    for (const [pattern, instead] of banned) {
      const match = pattern.exec(passage.text.replaceAll(/`[^`]*`/g, "code"))
      if (match) report(passage.line, `"${match[0]}": ${instead}`, passage.text)
    }
    for (const sentence of sentencesOf(passage.text)) {
      const count = sentence.split(/\s+/).filter((word) => /\w/.test(word)).length
      if (count > wordsMax) report(passage.line, `${count} words in a sentence`, sentence)
    }
    if (path.endsWith(".md")) continue
    if (sections.test(passage.text)) report(passage.line, "cites a section", passage.text)
    for (const [page] of passage.text.matchAll(/\b[\w/-]+\.md\b/g)) {
      if (!exists(path, page)) report(passage.line, `no page ${page}`, passage.text)
    }
  }
  if (path.endsWith(".ts")) {
    if (!/^(#!.*\n)?\/\/\s*\S/.test(text)) report(1, "no header", text.slice(0, 80))
    for (const match of text.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]+)\b/gm))
      report(1, "constants are camelCase", match[1] ?? "")
  }
  return found
}

/** All files that the rules hold for, below these paths of the checkout. */
export function proseFiles(paths: readonly string[] = ["."]): { path: string; text: string }[] {
  return execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...paths], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((path) => /\.(ts|sql|md)$/.test(path) && existsSync(join(root, path)))
    .filter((path) => !/\.d\.ts$|^migrations\/schema\.sql$|^test\/(cases|golden)\//.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
}

if (process.argv[1] === import.meta.filename) {
  const found = proseFiles(process.argv.slice(2)).flatMap(({ path, text }) =>
    findingsIn(path, text),
  )
  for (const { path, line, rule, text } of found) console.log(`${path}:${line}: ${rule}: ${text}`)
  console.log(`${found.length} findings`)
}
