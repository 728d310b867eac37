/** Template archives on this machine's disk, by the id of their content: each is fetched once, however many jobs use it. */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"

export type ArchiveCache = {
  get(fileId: string, fetchArchive: () => Promise<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer>>
}

/** Keeps at most `bytesMax`, dropping what was longest unused. Jobs that ask for the same archive at once share one fetch. */
export function createArchiveCache(directory: string, bytesMax: number): ArchiveCache {
  const fetching = new Map<string, Promise<Uint8Array<ArrayBuffer>>>()

  async function load(fileId: string, fetchArchive: () => Promise<Uint8Array<ArrayBuffer>>) {
    const path = join(directory, `${fileId}.archive`)
    try {
      const found = await readFile(path)
      // The time of last use. On the machine's own clock: it orders this folder alone.
      const now = new Date()
      await utimes(path, now, now).catch(() => undefined)
      return new Uint8Array(found)
    } catch {
      // Not there: fetched below.
    }
    const archive = await fetchArchive()
    await mkdir(directory, { recursive: true })
    // Renamed into place whole, so that a daemon that dies here leaves no half an archive under the name.
    const partial = `${path}.${process.pid}.partial`
    await writeFile(partial, archive)
    await rename(partial, path)
    await prune(directory, bytesMax)
    return archive
  }

  return {
    get(fileId, fetchArchive) {
      const running = fetching.get(fileId)
      if (running !== undefined) return running
      const started = load(fileId, fetchArchive).finally(() => fetching.delete(fileId))
      fetching.set(fileId, started)
      return started
    },
  }
}

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
