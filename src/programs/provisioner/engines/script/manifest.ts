// The manifest of an unpacked archive, with its scripts in place.
import { access, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import {
  type Manifest,
  manifestBytesMax,
  manifestName,
  readManifest,
} from "../../../../templates/manifest/manifest.ts"

export type ManifestFound = { ok: true; manifest: Manifest } | { ok: false; error: string }

export async function findManifest(directory: string): Promise<ManifestFound> {
  const path = join(directory, manifestName)
  const { size } = await stat(path)
  if (size > manifestBytesMax) {
    return { ok: false, error: `${manifestName} is longer than ${manifestBytesMax} bytes.` }
  }
  const reading = readManifest(await readFile(path, "utf8"))
  if (!reading.ok) return reading
  for (const script of Object.values(reading.manifest.scripts)) {
    if (script === undefined) continue
    const isThere = await access(join(directory, script)).then(
      () => true,
      () => false,
    )
    if (!isThere) {
      return {
        ok: false,
        error: `${manifestName} names ${script}, which the archive does not have.`,
      }
    }
  }
  return reading
}
