// The frames of a watcher, byte for byte.
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { shardOf, stableHash } from "../../../src/platform/hash.ts"
import { closes, serverSentText, frameText } from "../../../src/feed/frames.ts"

describe("frames", () => {
  test("a ping has no data", () => {
    expect(frameText({ type: "ping" })).toBe('{"type":"ping"}')
    expect(serverSentText({ type: "ping" })).toBe("event: ping\n\n")
  })

  test("data is one line for any content", () => {
    const data = { name: "a\nb", html: "<b>&\u2028" }
    const escaped = '{"name":"a\\nb","html":"\\u003cb\\u003e\\u0026\\u2028"}'
    expect(frameText({ type: "data", data })).toBe(`{"type":"data","data":${escaped}}`)
    expect(serverSentText({ type: "data", data })).toBe(`event: data\ndata: ${escaped}\n\n`)
  })

  test("a frame decodes to the value that was encoded", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const read = JSON.parse(frameText({ type: "data", data }))
        expect(JSON.stringify(read.data)).toBe(JSON.stringify(data))
      }),
    )
  })

  test("only the end of a log stops a client from connecting again", () => {
    const final = Object.entries(closes).filter(([, close]) => [1000, 1001].includes(close.code))
    expect(final.map(([name]) => name)).toEqual(["done"])
  })
})

describe("shards", () => {
  test("the hash function never changes", () => {
    expect(stableHash("")).toBe(0x811c9dc5)
    expect(stableHash("a")).toBe(0xe40c292c)
    expect(stableHash("foobar")).toBe(0xbf9cf968)
  })

  test("a thousand ids fill the shards evenly", () => {
    const shards = Array.from({ length: 1000 }, (_, i) =>
      shardOf(`00000000-0000-4000-8000-${String(i).padStart(12, "0")}`, 8),
    )
    const counts = Array.from(
      { length: 8 },
      (_, shard) => shards.filter((found) => found === shard).length,
    )
    expect(Math.min(...counts)).toBeGreaterThan(80)
    expect(Math.max(...counts)).toBeLessThan(170)
  })
})
