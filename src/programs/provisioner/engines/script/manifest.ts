// The manifest of an unpacked archive, with its scripts in place.
import { access, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import {
  type Manifest,
  MANIFEST_BYTES_MAX,
  MANIFEST_NAME,
  readManifest,
} from "../../../../templates/manifest/manifest.ts"

export type ManifestFound = { ok: true; manifest: Manifest } | { ok: false; error: string }

export async function findManifest(directory: string): Promise<ManifestFound> {
  const path = join(directory, MANIFEST_NAME)
  const { size } = await stat(path)
  if (size > MANIFEST_BYTES_MAX) {
    return { ok: false, error: `${MANIFEST_NAME} is longer than ${MANIFEST_BYTES_MAX} bytes.` }
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
        error: `${MANIFEST_NAME} names ${script}, which the archive does not have.`,
      }
    }
  }
  return reading
}
