// Archives for the tests, good and bad: tar by the library, zip by hand so that it can lie.
import { crc32 } from "node:zlib"
import { packTar } from "modern-tar"

type Entry = {
  name: string
  text?: string
  mode?: number
  type?: "file" | "directory" | "symlink"
  linkname?: string
}

export async function tarOf(entries: readonly Entry[]): Promise<Uint8Array<ArrayBuffer>> {
  return packTar(
    entries.map(({ name, text = "", mode = 0o644, type = "file", linkname }) => ({
      header: {
        name,
        mode,
        type,
        size: type === "file" ? Buffer.byteLength(text) : 0,
        ...(linkname !== undefined && { linkname }),
      },
      body: type === "file" ? text : null,
    })),
  )
}

/** A zip of stored entries. */
export function zipOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const locals: Buffer[] = []
  const central: Buffer[] = []
  let offset = 0
  for (const { name, text = "", mode = 0o100_644 } of entries) {
    const data = Buffer.from(text)
    const nameBytes = Buffer.from(name)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(20, 4)
    local.writeUInt32LE(crc32(data), 14)
    local.writeUInt32LE(data.length, 18)
    local.writeUInt32LE(data.length, 22)
    local.writeUInt16LE(nameBytes.length, 26)
    const record = Buffer.alloc(46)
    record.writeUInt32LE(0x02014b50, 0)
    record.writeUInt16LE((3 << 8) | 20, 4)
    record.writeUInt16LE(20, 6)
    record.writeUInt32LE(crc32(data), 16)
    record.writeUInt32LE(data.length, 20)
    record.writeUInt32LE(data.length, 24)
    record.writeUInt16LE(nameBytes.length, 28)
    record.writeUInt32LE((mode << 16) >>> 0, 38)
    record.writeUInt32LE(offset, 42)
    locals.push(local, nameBytes, data)
    central.push(record, nameBytes)
    offset += local.length + nameBytes.length + data.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return new Uint8Array(Buffer.concat([...locals, directory, end]))
}

/** A template whose manifest is `manifest` and whose scripts are shell texts. */
export const templateOf = (scripts: Record<string, string>, manifest: object = {}) =>
  tarOf([
    {
      name: "dormouse.json",
      text: JSON.stringify({
        scripts: Object.fromEntries(Object.keys(scripts).map((name) => [name, `${name}.sh`])),
        ...manifest,
      }),
    },
    ...Object.entries(scripts).map(([name, text]) => ({
      name: `${name}.sh`,
      text: `#!/bin/sh\n${text}\n`,
    })),
  ])
