// Unpacking archives: what lands on disk, and what is refused before it can do harm.
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { gzipSync } from "node:zlib"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { unpackArchive } from "../../../../src/programs/provisioner/unpack.ts"
import { tarOf, zipOf } from "./archives.ts"

let parent: string
let directory: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "unpack-"))
  directory = await mkdtemp(join(parent, "in-"))
})
afterEach(() => rm(parent, { recursive: true, force: true }))

const files = [
  { name: "dormouse.json", text: "{}" },
  { name: "./scripts/start.sh", text: "#!/bin/sh", mode: 0o100_755 },
]

describe.each([
  ["tar", tarOf],
  ["zip", async (entries: Parameters<typeof tarOf>[0]) => zipOf(entries)],
])("a %s", (kind, pack) => {
  test("is unpacked with its folders and executable bits", async () => {
    const entries = files.map((file) => ({
      ...file,
      mode: kind === "tar" ? (file.mode ?? 0o644) & 0o777 : (file.mode ?? 0),
    }))
    const unpacked = await unpackArchive(await pack(entries), directory)
    expect(unpacked).toEqual({ fileCount: 2, skipped: [] })
    expect(await readFile(join(directory, "dormouse.json"), "utf8")).toBe("{}")
    expect((await stat(join(directory, "scripts/start.sh"))).mode & 0o111).toBe(0o111)
    expect((await stat(join(directory, "dormouse.json"))).mode & 0o111).toBe(0)
  })

  test.each(["../evil", "a/../../evil", "/tmp/evil-of-dormouse", "a\\..\\evil"])(
    "refuses %s",
    async (name) => {
      await expect(
        unpackArchive(await pack([...files, { name, text: "x" }]), directory),
      ).rejects.toThrow()
      expect(await readdir(parent)).toHaveLength(1)
    },
  )

  test("refuses too many entries and too many bytes", async () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      name: `f${index}`,
      text: "x".repeat(1000),
    }))
    const bounds = { entryCountMax: 1_000, bytesMax: 1_000_000 }
    await expect(
      unpackArchive(await pack(many), directory, { ...bounds, entryCountMax: 29 }),
    ).rejects.toThrow("more than 29 entries")
    const second = await mkdtemp(join(parent, "second-"))
    await expect(
      unpackArchive(await pack(many), second, { ...bounds, bytesMax: 29_000 }),
    ).rejects.toThrow("unpacks to more than 29000 bytes")
  })

  test("refuses the same file twice", async () => {
    await expect(unpackArchive(await pack([...files, ...files]), directory)).rejects.toThrow(
      "twice",
    )
  })

  test("refuses damage with a sentence", async () => {
    const archive = await pack(files)
    archive.fill(0xff, 0, 20)
    await expect(unpackArchive(archive, directory)).rejects.toThrow(
      "damaged, or not a tar, tar.gz or zip file",
    )
  })
})

test("a tar.gz is unpacked, within the same bounds", async () => {
  const packed = (entries: Parameters<typeof tarOf>[0]) =>
    tarOf(entries).then((tar) => new Uint8Array(gzipSync(tar)))
  expect(await unpackArchive(await packed(files), directory)).toEqual({ fileCount: 2, skipped: [] })
  const bomb = await packed([{ name: "zeros", text: "0".repeat(1_000_000) }])
  await expect(
    unpackArchive(bomb, directory, { entryCountMax: 10, bytesMax: 29_000 }),
  ).rejects.toThrow("unpacks to more than 29000 bytes")
  const other = await mkdtemp(join(parent, "other-"))
  await expect(unpackArchive(bomb.slice(0, 100), other)).rejects.toThrow("damaged")
})

test("links are left out and named", async () => {
  const archive = await tarOf([
    ...files,
    { name: "link", type: "symlink", linkname: "/etc/passwd" },
  ])
  expect(await unpackArchive(archive, directory)).toEqual({ fileCount: 2, skipped: ["link"] })
  expect(await readdir(directory)).not.toContain("link")
})

test.each([
  ["nothing", new Uint8Array(0)],
  ["zeros", new Uint8Array(10_240)],
  ["text", new TextEncoder().encode("this is not an archive ".repeat(100))],
])("%s is no archive", async (_what, bytes) => {
  await expect(unpackArchive(bytes, directory)).rejects.toThrow(/damaged|no files/)
})
