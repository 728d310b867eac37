/** An import: what the manifest of an archive plans, as the control plane keeps it. */
import { access, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import type { CompleteRequest, FailRequest } from "../../queue/jobs/protocol.ts"
import {
  MANIFEST_BYTES_MAX,
  MANIFEST_NAME,
  readManifest,
  type Manifest,
} from "../../templates/manifest/manifest.ts"
import { externalAgentType } from "../../templates/manifest/reported.ts"
import { plannedAfter } from "./engines/script-output.ts"

const README_BYTES_MAX = 512 * 1024

export type ManifestFound = { ok: true; manifest: Manifest } | { ok: false; error: string }

/** The manifest of an unpacked archive, with its scripts in place. */
export async function findManifest(directory: string): Promise<ManifestFound> {
  const path = join(directory, MANIFEST_NAME)
  const size = await stat(path).then(
    (found) => found.size,
    () => null,
  )
  if (size === null) {
    const error = `The archive has no ${MANIFEST_NAME} at its root, so it is not a template that Dormouse can build. See docs/templates.md.`
    return { ok: false, error }
  }
  if (size > MANIFEST_BYTES_MAX)
    return { ok: false, error: `${MANIFEST_NAME} is longer than ${MANIFEST_BYTES_MAX} bytes.` }
  const reading = readManifest(await readFile(path, "utf8"))
  if (!reading.ok) return reading
  for (const script of Object.values(reading.manifest.scripts)) {
    if (script === undefined) continue
    const isThere = await access(join(directory, script)).then(
      () => true,
      () => false,
    )
    if (!isThere)
      return {
        ok: false,
        error: `${MANIFEST_NAME} names ${script}, which the archive does not have.`,
      }
  }
  return reading
}

export type ImportOutcome = { complete: CompleteRequest } | { fail: FailRequest }

/** The plan of a version. Variables without a value fail it, by the code that clients ask for values on. */
export async function importTemplate(
  directory: string,
  manifest: Manifest,
  userValues: readonly { name: string; value: string }[],
): Promise<ImportOutcome> {
  const given = new Map(userValues.map(({ name, value }) => [name, value]))
  const missing = manifest.variables
    .filter(({ name, required, default_value }) => required && !(given.get(name) ?? default_value))
    .map(({ name }) => name)
  if (missing.length > 0) {
    return {
      fail: {
        error: `The template needs values for the variables: ${missing.join(", ")}`,
        error_code: "REQUIRED_TEMPLATE_VARIABLES",
      },
    }
  }
  const resources = plannedAfter(manifest, "start")
  return {
    complete: {
      type: "template_version_import",
      readme: await readReadme(directory),
      plan: {
        parameters: manifest.parameters,
        presets: manifest.presets,
        variables: manifest.variables,
        tags: manifest.tags,
        resources_start: resources,
        resources_stop: plannedAfter(manifest, "stop"),
        has_external_agent: resources.some((resource) => resource.type === externalAgentType),
      },
    },
  }
}

async function readReadme(directory: string): Promise<string> {
  const text = await readFile(join(directory, "README.md"), "utf8").catch(() => "")
  return text.replaceAll("\0", "").slice(0, README_BYTES_MAX)
}
