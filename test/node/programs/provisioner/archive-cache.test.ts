// The daemon's archives on disk: by content, checked, bounded, and one job's trouble is not
// another's.
import { createHash } from "node:crypto"
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { createArchiveCache } from "../../../../src/programs/provisioner/archive-cache.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "archives-"))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex")
const fetching = (text: string) => vi.fn(() => Promise.resolve(bytesOf(text)))

test("what is on disk is not fetched again, by a later daemon neither", async () => {
  const fetchArchive = fetching("one")
  for (let daemon = 0; daemon < 2; daemon++) {
    const cache = createArchiveCache(directory, 1_000)
    expect(await cache.get(hashOf("one"), fetchArchive)).toEqual(bytesOf("one"))
  }
  expect(fetchArchive).toHaveBeenCalledOnce()
})

test("what came and is something else is refused with both hashes, and not kept", async () => {
  const cache = createArchiveCache(directory, 1_000)
  const refused = cache.get(hashOf("one"), fetching("two"))
  await expect(refused).rejects.toThrow(
    `is not the one that was uploaded: its SHA-256 is ${hashOf("two")}, expected was ${hashOf("one")}.`,
  )
  expect(await readdir(directory)).toEqual([])
  expect(await cache.get(hashOf("one"), fetching("one"))).toEqual(bytesOf("one"))
})

test("a file that went bad on disk is fetched again", async () => {
  const cache = createArchiveCache(directory, 1_000)
  await writeFile(join(directory, `${hashOf("one")}.archive`), "rot")
  const fetchArchive = fetching("one")
  expect(await cache.get(hashOf("one"), fetchArchive)).toEqual(bytesOf("one"))
  expect(await cache.get(hashOf("one"), fetchArchive)).toEqual(bytesOf("one"))
  expect(fetchArchive).toHaveBeenCalledOnce()
})

test.each(["", "../evil", "A".repeat(64), "0".repeat(63)])(
  "what is no hash names no file: %j",
  async (hash) => {
    const fetchArchive = fetching("one")
    await expect(createArchiveCache(directory, 1_000).get(hash, fetchArchive)).rejects.toThrow(
      "SHA-256 is missing",
    )
    expect(fetchArchive).not.toHaveBeenCalled()
  },
)

test("jobs at once share a fetch; where it fails for the job that began it, another fetches for itself", async () => {
  const cache = createArchiveCache(directory, 1_000)
  const canceled = vi.fn(() => Promise.reject(new Error("canceled")))
  const fetchArchive = fetching("one")
  const first = cache.get(hashOf("one"), canceled)
  const others = [1, 2, 3].map(() => cache.get(hashOf("one"), fetchArchive))
  await expect(first).rejects.toThrow("canceled")
  expect(await Promise.all(others)).toEqual([1, 2, 3].map(() => bytesOf("one")))
  expect(fetchArchive).toHaveBeenCalledOnce()
})

test("what was longest unused goes first where the bound is passed", async () => {
  const cache = createArchiveCache(directory, 8)
  for (const [text, ageSecs] of [
    ["one", 30],
    ["two", 20],
  ] as const) {
    await cache.get(hashOf(text), fetching(text))
    const at = new Date(Date.now() - ageSecs * 1_000)
    await utimes(join(directory, `${hashOf(text)}.archive`), at, at)
  }
  // Used again, so that the other is the one to go.
  await cache.get(hashOf("one"), fetching("one"))
  await cache.get(hashOf("three"), fetching("three"))
  expect((await readdir(directory)).toSorted()).toEqual(
    ["one", "three"].map((text) => `${hashOf(text)}.archive`).toSorted(),
  )
})

test("keeps archives for their owner alone, and follows no link", async () => {
  const place = join(directory, "private")
  const victim = join(directory, "victim")
  await writeFile(victim, "untouched")
  await mkdir(place, { mode: 0o700 })
  const hash = hashOf("private")
  await symlink(victim, join(place, `${hash}.archive.${process.pid}.partial`))
  await createArchiveCache(place, 1_000).get(hash, fetching("private"))
  expect(await readFile(victim, "utf8")).toBe("untouched")
  expect((await stat(join(place, `${hash}.archive`))).mode & 0o077).toBe(0)
  await symlink(place, join(directory, "link"))
  const linked = createArchiveCache(join(directory, "link"), 1_000)
  expect(await linked.get(hashOf("other"), fetching("other"))).toEqual(bytesOf("other"))
})

// Only root can make a folder that belongs to another user.
test.skipIf(process.getuid?.() !== 0)("refuses a folder of another user", async () => {
  const foreign = join(directory, "foreign")
  await mkdir(foreign)
  await chown(foreign, 65_534, 65_534)
  await expect(
    createArchiveCache(foreign, 1_000).get(hashOf("one"), fetching("one")),
  ).rejects.toThrow("belongs to another user")
})
