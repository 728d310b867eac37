// The shard of an id, the same in every isolate and every version of the code.

/** FNV-1a over UTF-16 code units, 32 bits, unsigned. */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

/** A number from 0 to `shardCount - 1`. */
export function shardOf(id: string, shardCount: number): number {
  return stableHash(id) % shardCount
}

export async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
}
