// Which engine an archive is for, found from its files before any of them is read.
import { readdir } from "node:fs/promises"
import { manifestName } from "../../../templates/manifest/manifest.ts"
import type { EngineName } from "../../../queue/jobs/protocol.ts"

const terraformFile = /\.(tf|tofu)(\.json)?$/

/** A manifest wins: an empty `main.tf` beside it only serves the packer of the command line. */
export async function findEngine(
  directory: string,
): Promise<{ ok: true; name: EngineName } | { ok: false; error: string }> {
  const files = (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
  if (files.includes(manifestName)) return { ok: true, name: "script" }
  if (files.some((name) => terraformFile.test(name))) return { ok: true, name: "terraform" }
  const error =
    `The archive is no template: at its root it has neither ${manifestName}, for a template of ` +
    "scripts, nor a .tf file, for one of Terraform. See docs/templates.md."
  return { ok: false, error }
}
