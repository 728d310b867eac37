// Uploaded archives in R2: hashed while they stream in, stored once per content by their SHA-256.
import { toHex } from "../../platform/db/values.ts"

/** Cloudflare accepts bodies of 100 MB. */
export const uploadBytesMax = 95 * 1024 * 1024
/** R2 requires equal parts, except for the last. A smaller upload is one put. */
const partBytes = 8 * 1024 * 1024

export type StoredUpload = { hash: string; sizeBytes: number }

/**
 * Stores the body, holding at most one part in memory. Returns null if the body is longer than the
 * bound; nothing of it is kept then.
 *
 * An object's name is the hash of its content, which is known only at the end. A large upload is
 * therefore stored under a temporary name and then copied, unless its content is stored already.
 */
export async function storeUpload(
  bucket: R2Bucket,
  body: ReadableStream<Uint8Array>,
): Promise<StoredUpload | null> {
  const digest = new crypto.DigestStream("SHA-256")
  const hashing = digest.getWriter()
  const temporary = `uploads/${crypto.randomUUID()}`
  const part = new Uint8Array(partBytes)
  const parts: R2UploadedPart[] = []
  let multipart: R2MultipartUpload | null = null
  let partLength = 0
  let sizeBytes = 0

  try {
    for await (const chunk of body) {
      sizeBytes += chunk.byteLength
      if (sizeBytes > uploadBytesMax) {
        await multipart?.abort()
        return null
      }
      await hashing.write(chunk)
      for (let offset = 0; offset < chunk.byteLength;) {
        const taken = chunk.subarray(offset, offset + partBytes - partLength)
        part.set(taken, partLength)
        partLength += taken.byteLength
        offset += taken.byteLength
        if (partLength < partBytes) continue
        multipart ??= await bucket.createMultipartUpload(temporary)
        parts.push(await multipart.uploadPart(parts.length + 1, part.slice()))
        partLength = 0
      }
    }
    await hashing.close()
    const hash = toHex(new Uint8Array(await digest.digest))
    const isKnown = (await bucket.head(hash)) !== null
    if (multipart === null) {
      if (!isKnown) await bucket.put(hash, part.subarray(0, partLength))
      return { hash, sizeBytes }
    }
    if (isKnown) {
      await multipart.abort()
      return { hash, sizeBytes }
    }
    if (partLength > 0)
      parts.push(await multipart.uploadPart(parts.length + 1, part.slice(0, partLength)))
    await multipart.complete(parts)
    await moveObject(bucket, temporary, hash)
    return { hash, sizeBytes }
  } catch (error) {
    await multipart?.abort().catch(() => undefined)
    throw error
  }
}

async function moveObject(bucket: R2Bucket, from: string, to: string): Promise<void> {
  const object = await bucket.get(from)
  if (object === null) throw new Error("the upload disappeared before it was stored")
  await bucket.put(to, object.body)
  await bucket.delete(from)
}
