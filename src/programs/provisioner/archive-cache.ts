// Template archives on this machine's disk, by the SHA-256 of their content.
//
// Each content is fetched once.
import { createHash } from "node:crypto"
import {
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises"
import { join } from "node:path"

type Archive = Uint8Array<ArrayBuffer>

export type ArchiveCache = {
  /**
   * Returns the archive with this SHA-256 (lower-case hex), from the disk or by `fetchArchive`.
   * Throws what that throws. Content with another hash is not kept, and the error is a sentence for
   * the job's owner.
   */
  get(hash: string, fetchArchive: () => Promise<Archive>): Promise<Archive>
}

/**
 * Keeps at most `bytesMax`, dropping the least recently used. Jobs that request the same archive at
 * once share one fetch.
 */
export function createArchiveCache(directory: string, bytesMax: number): ArchiveCache {
  const fetching = new Map<string, Promise<Archive>>()

  async function load(hash: string, fetchArchive: () => Promise<Archive>): Promise<Archive> {
    const path = join(directory, `${hash}.archive`)
    const kept = await readKept(path, hash)
    if (kept !== null) return kept
    const archive = await fetchArchive()
    const fetchedHash = sha256Hex(archive)
    if (fetchedHash !== hash) {
      throw new Error(
        `The archive that was downloaded is not the one that was uploaded: its SHA-256 is ${fetchedHash}, expected was ${hash}.`,
      )
    }
    await openFolder(directory)
    // The file is renamed into place, so that a daemon that dies here leaves no partial archive.
    const partial = `${path}.${process.pid}.partial`
    // What an earlier daemon of this number left goes first; a link is removed and not followed.
    await rm(partial, { force: true })
    await writeFile(partial, archive, { mode: 0o600, flag: "wx" })
    await rename(partial, path)
    await prune(directory, bytesMax)
    return archive
  }

  async function get(hash: string, fetchArchive: () => Promise<Archive>): Promise<Archive> {
    // It becomes the name of a file.
    if (!/^[0-9a-f]{64}$/.test(hash)) {
      throw new Error(
        "The control plane did not say which archive the job needs: its SHA-256 is missing.",
      )
    }
    const running = fetching.get(hash)
    if (running === undefined) {
      const started = load(hash, fetchArchive).finally(() => fetching.delete(hash))
      fetching.set(hash, started)
      return started
    }
    try {
      return await running
    } catch {
      // The fetch failed under another job, which may have been canceled. Each job may try for
      // itself.
      return get(hash, fetchArchive)
    }
  }

  return { get }
}

/**
 * Creates the folder for its owner alone. Other users may write where it usually is, so a folder
 * or a link of theirs is refused. Root's is accepted, since a mounted volume is root's.
 */
async function openFolder(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const trusted = new Set([process.getuid?.(), 0])
  const owners = [(await lstat(directory)).uid, (await stat(directory)).uid]
  if (!owners.every((uid) => trusted.has(uid)))
    throw new Error(`The folder of archives ${directory} belongs to another user.`)
}

/** Reads from the disk, or returns null. A damaged file is fetched again and replaced. */
async function readKept(path: string, hash: string): Promise<Archive | null> {
  let found: Archive
  try {
    found = new Uint8Array(await readFile(path))
  } catch {
    return null
  }
  if (sha256Hex(found) !== hash) return null
  // The time of the last use, on the machine's own clock: it orders this folder alone.
  const now = new Date()
  await utimes(path, now, now).catch(() => undefined)
  return found
}

const sha256Hex = (bytes: Archive) => createHash("sha256").update(bytes).digest("hex")

async function prune(directory: string, bytesMax: number): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".archive"))
  const found = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name))
      return { name, size, mtimeMs }
    }),
  )
  let bytes = 0
  for (const { name, size } of found.toSorted((a, b) => b.mtimeMs - a.mtimeMs)) {
    bytes += size
    if (bytes > bytesMax && bytes !== size) await rm(join(directory, name), { force: true })
  }
}
