// Packs a template's folder into the archive that the API accepts.
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative } from "node:path"
import { packTar } from "modern-tar"

export async function packTemplate(directory: string): Promise<Uint8Array> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  return packTar(
    files.map((path) => {
      const body = readFileSync(path)
      return {
        header: {
          name: relative(directory, path),
          size: body.length,
          mode: statSync(path).mode & 0o777,
          // The same content gives the same archive, and so the same file.
          mtime: new Date(0),
          type: "file" as const,
        },
        body,
      }
    }),
  )
}
