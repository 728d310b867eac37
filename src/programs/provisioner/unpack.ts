// Unpacks a template archive, tar or zip, into a new folder.
//
// Nothing is written outside of it, and its size is bounded.
import { createWriteStream } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createTarDecoder } from "modern-tar"
import { fromBufferPromise, type Entry } from "yauzl"

export type UnpackBounds = { entryCountMax: number; bytesMax: number }

export const unpackBounds: UnpackBounds = { entryCountMax: 10_000, bytesMax: 512 * 1024 * 1024 }

/** Why an archive cannot be unpacked, in a sentence for its author. */
export class BadArchive extends Error {
  override name = "BadArchive"
}

export type Unpacked = {
  fileCount: number
  /** Links and devices, which are left out. */ skipped: string[]
}

/** Unpacks `archive` into `directory`, which exists and is empty. Throws `BadArchive`. */
export async function unpackArchive(
  archive: Uint8Array<ArrayBuffer>,
  directory: string,
  bounds: UnpackBounds = unpackBounds,
): Promise<Unpacked> {
  const writer = createEntryWriter(directory, bounds)
  try {
    if (isZip(archive))
      await unpackZip(Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength), writer)
    else await unpackTar(isGzip(archive) ? gunzipped(archive) : bytesOf(archive), writer)
  } catch (error) {
    if (error instanceof BadArchive) throw error
    if (isSystemError(error))
      throw new BadArchive(`The archive could not be unpacked: ${error.code}.`)
    const words = error instanceof Error ? error.message : String(error)
    throw new BadArchive(`The archive is damaged, or not a tar, tar.gz or zip file: ${words}`)
  }
  if (writer.fileCount() === 0) throw new BadArchive("The archive holds no files.")
  return { fileCount: writer.fileCount(), skipped: writer.skipped }
}

const isZip = (archive: Uint8Array) => archive[0] === 0x50 && archive[1] === 0x4b

const isGzip = (archive: Uint8Array) => archive[0] === 0x1f && archive[1] === 0x8b

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>
const bytesOf = (archive: Uint8Array<ArrayBuffer>): Bytes => new Blob([archive]).stream()
const gunzipped = (archive: Uint8Array<ArrayBuffer>): Bytes =>
  bytesOf(archive).pipeThrough(new DecompressionStream("gzip"))

const isSystemError = (error: unknown): error is NodeJS.ErrnoException & { code: string } =>
  error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string"

type EntryWriter = ReturnType<typeof createEntryWriter>

/** Writes the entries of one archive and counts their cost. */
function createEntryWriter(directory: string, bounds: UnpackBounds) {
  let entryCount = 0
  let fileCount = 0
  let bytes = 0
  const skipped: string[] = []

  const count = () => {
    entryCount += 1
    if (entryCount > bounds.entryCountMax) {
      throw new BadArchive(`The archive has more than ${bounds.entryCountMax} entries.`)
    }
  }

  return {
    skipped,
    fileCount: () => fileCount,
    async directory(name: string) {
      count()
      await mkdir(join(directory, insidePath(name)), { recursive: true })
    },
    skip(name: string) {
      count()
      skipped.push(name)
    },
    async file(name: string, isExecutable: boolean, content: AsyncIterable<Uint8Array>) {
      count()
      const path = join(directory, insidePath(name))
      await mkdir(dirname(path), { recursive: true })
      fileCount += 1
      const counted = async function* () {
        for await (const chunk of content) {
          bytes += chunk.byteLength
          if (bytes > bounds.bytesMax) {
            throw new BadArchive(`The archive unpacks to more than ${bounds.bytesMax} bytes.`)
          }
          yield chunk
        }
      }
      // Never writes through what an earlier entry created at this path.
      await writeFile(path, "", { flag: "wx", mode: isExecutable ? 0o755 : 0o644 }).catch(
        (error: unknown) => {
          if (isSystemError(error) && error.code === "EEXIST") {
            throw new BadArchive(`The archive has the file ${JSON.stringify(name)} twice.`)
          }
          throw error
        },
      )
      await pipeline(Readable.from(counted()), createWriteStream(path, { flags: "r+" }))
    },
  }
}

/** The path of an entry below the folder. Throws `BadArchive` if it leaves the folder. */
function insidePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".")
  const leaves =
    name.startsWith("/") || name.includes("\\") || name.includes("\0") || parts.includes("..")
  if (leaves || name.length > 1_024) {
    throw new BadArchive(
      `The archive has an entry outside itself: ${JSON.stringify(name.slice(0, 256))}.`,
    )
  }
  return parts.join("/")
}

async function unpackTar(tar: Bytes, writer: EntryWriter): Promise<void> {
  const entries = tar.pipeThrough(createTarDecoder({ strict: true }))
  for await (const { header, body } of entries) {
    const type = header.type ?? "file"
    if (type === "file") {
      await writer.file(header.name, ((header.mode ?? 0) & 0o111) !== 0, body)
      continue
    }
    await body.cancel()
    if (type === "directory") await writer.directory(header.name)
    else writer.skip(header.name)
  }
}

const symlink = 0o120_000
const fileType = 0o170_000

async function unpackZip(archive: Buffer, writer: EntryWriter): Promise<void> {
  const zip = await fromBufferPromise(archive, { lazyEntries: true, validateEntrySizes: true })
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName
    if (name.endsWith("/")) await writer.directory(name)
    else if ((unixMode(entry) & fileType) === symlink) writer.skip(name)
    else
      await writer.file(
        name,
        (unixMode(entry) & 0o111) !== 0,
        await zip.openReadStreamPromise(entry),
      )
  }
}

const unixMode = (entry: Entry) => entry.externalFileAttributes >>> 16
