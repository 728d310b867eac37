// New keys: the token for the holder and the hash that is stored.
import { sha256 } from "../../platform/hash.ts"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const idLength = 10
const secretLength = 22

export type MintedKey = { id: string; token: string; hashedSecret: Uint8Array }

export async function mintKey(): Promise<MintedKey> {
  const id = randomText(idLength)
  const secret = randomText(secretLength)
  return { id, token: `${id}-${secret}`, hashedSecret: await sha256(secret) }
}

/** Letters and digits, each equally likely: bytes past the last whole multiple are rejected. */
function randomText(length: number): string {
  const bound = 256 - (256 % alphabet.length)
  let text = ""
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      if (byte < bound && text.length < length) text += alphabet[byte % alphabet.length]
    }
  }
  return text
}
