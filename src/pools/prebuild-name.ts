/** The name of a new prebuild: `prebuild-` and 15 lower-case base32 characters, so that two never meet. */

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"

export function prebuildName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(15))
  return `prebuild-${Array.from(bytes, (byte) => ALPHABET[byte % 32]).join("")}`
}
