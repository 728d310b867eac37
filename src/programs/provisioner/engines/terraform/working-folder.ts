// The unpacked archive as the working folder of the tool, and the lock files that imports leave
// behind.
import { copyFile, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type State, stateName } from "./state.ts"

const lockName = ".terraform.lock.hcl"
const overrideName = "zz_dormouse_override.tf"
const packedByMistake = /^(terraform\.tfstate.*|errored\.tfstate|.*\.tfplan|\.terraform)$/

/** Removes what was packed by mistake, and turns every backend into the local one. */
export async function prepareFolder(directory: string, state: State | null): Promise<void> {
  const names = await readdir(directory)
  await Promise.all(
    // The tool would take a packed state for the one of this workspace.
    names
      .filter((name) => packedByMistake.test(name))
      .map((name) => rm(join(directory, name), { recursive: true, force: true })),
  )
  // State belongs to the control plane. Without this, `init` would contact the template's backend.
  await writeFile(join(directory, overrideName), 'terraform {\n  backend "local" {}\n}\n')
  if (state !== null) await writeFile(join(directory, stateName), state.bytes, { mode: 0o600 })
}

export type LockFiles = {
  /** Puts the lock file of an earlier import of the archive into the folder. True where it did. */
  restore: (directory: string, archiveHash: string) => Promise<boolean>
  /** Keeps the lock file that `init` made. */
  keep: (directory: string, archiveHash: string) => Promise<void>
  remove: (directory: string) => Promise<void>
  isIn: (directory: string) => Promise<boolean>
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

/**
 * An archive without a lock file gets the newest providers that fit at each `init`. So that builds
 * use those of the import, its lock file is kept by the hash of the archive.
 */
export function createLockFiles(directory: string, product: string): LockFiles {
  const kept = (archiveHash: string) =>
    join(directory, `${archiveHash}.${product.toLowerCase()}.lock.hcl`)
  return {
    isIn: (folder) => exists(join(folder, lockName)),
    async restore(folder, archiveHash) {
      try {
        await copyFile(kept(archiveHash), join(folder, lockName))
        return true
      } catch {
        return false
      }
    },
    async keep(folder, archiveHash) {
      await mkdir(directory, { recursive: true })
      await copyFile(join(folder, lockName), kept(archiveHash)).catch(() => undefined)
    },
    remove: (folder) => rm(join(folder, lockName), { force: true }),
  }
}
