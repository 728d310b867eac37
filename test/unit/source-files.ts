// Reads the sources for the tests that hold them to the rules of the house.
import { readdirSync, readFileSync } from "node:fs"
import { join, posix, relative, sep } from "node:path"

const root = join(import.meta.dirname, "..", "..")

export type SourceFile = { path: string; text: string }
export type Import = { from: string; to: string; isType: boolean }

/** All TypeScript files below a folder of the checkout; paths as in git. */
export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".d.ts"),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({
      path: relative(root, path).split(sep).join("/"),
      text: readFileSync(path, "utf8"),
    }))
}

/** The imports of our own files, by their path from the root. */
export function importsOf({ path, text }: SourceFile): Import[] {
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^"';]*?from\s+"(\.[^"]+)"/gm)].map(
    (match) => ({
      from: path,
      to: posix.normalize(posix.join(posix.dirname(path), match[2] ?? "")),
      isType: match[1] !== undefined,
    }),
  )
}
