// Encryption of secrets that must be shown or used again.
//
// AES-256-GCM under a key of the environment. Several keys may be valid during a rotation: the
// first encrypts, and each decrypts what carries its id. Each kind of secret has a derived key of
// its own, and a ciphertext is bound to its row. One that is copied to another row cannot be
// decrypted.

/** The row that holds a ciphertext. */
export type CipherSubject = {
  kind: "agent-token" | "git-key" | "webhook-secret"
  /** The id of the row, or the names that identify it. */
  id: string
}

/** An agent's token survives the rows of its builds, so it is bound to workspace and name. */
export const agentTokenSubject = (workspaceId: string, agentName: string): CipherSubject => ({
  kind: "agent-token",
  id: `${workspaceId}/${agentName}`,
})

/** `TOKEN_KEYS`: `id:base64,id2:base64`, each key 32 bytes. Its error never contains the keys. */
function parseTokenKeys(text: string): Map<string, Uint8Array<ArrayBuffer>> {
  const keys = new Map<string, Uint8Array<ArrayBuffer>>()
  for (const part of text.split(",").filter((part) => part.trim() !== "")) {
    const [id = "", encoded = ""] = part.trim().split(":")
    const bytes = fromBase64(encoded)
    if (!/^[\w-]+$/.test(id) || bytes?.byteLength !== 32) {
      throw new Error(
        "TOKEN_KEYS must be a list of id:base64 pairs, each key 32 bytes, separated by commas.",
      )
    }
    keys.set(id, bytes)
  }
  return keys
}

/** `id:base64 of nonce and ciphertext`. */
export async function encryptToken(
  tokenKeys: string,
  subject: CipherSubject,
  token: string,
): Promise<string> {
  const [first] = parseTokenKeys(tokenKeys)
  if (first === undefined) throw new Error("TOKEN_KEYS is not set.")
  const [id, bytes] = first
  const nonce = crypto.getRandomValues(new Uint8Array(12))
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: nonce, additionalData: additionalData(id, subject) },
    await derivedKey(bytes, subject),
    utf8(token),
  )
  return `${id}:${Buffer.concat([nonce, new Uint8Array(sealed)]).toString("base64")}`
}

/** Null if its key is gone, it belongs to another row, or the text was tampered with. */
export async function decryptToken(
  tokenKeys: string,
  subject: CipherSubject,
  encrypted: string,
): Promise<string | null> {
  const [id = "", encoded = ""] = encrypted.split(":")
  const bytes = parseTokenKeys(tokenKeys).get(id)
  const sealed = fromBase64(encoded)
  if (bytes === undefined || sealed === null || sealed.byteLength < 13) return null
  try {
    const opened = await crypto.subtle.decrypt(
      {
        name: "AES-GCM",
        iv: sealed.subarray(0, 12),
        additionalData: additionalData(id, subject),
      },
      await derivedKey(bytes, subject),
      sealed.subarray(12),
    )
    return new TextDecoder().decode(opened)
  } catch {
    return null
  }
}

/** True if the ciphertext needs no new encryption when the older keys are removed. */
export function isUnderFirstKey(tokenKeys: string, encrypted: string): boolean {
  const [first] = parseTokenKeys(tokenKeys).keys()
  return encrypted.split(":")[0] === first
}

const additionalData = (keyId: string, { kind, id }: CipherSubject) =>
  utf8(JSON.stringify([keyId, kind, id]))

async function derivedKey(bytes: Uint8Array<ArrayBuffer>, { kind }: CipherSubject) {
  const master = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"])
  return crypto.subtle.deriveKey(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(`dormouse:${kind}`) },
    master,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  )
}

const utf8 = (text: string) => new TextEncoder().encode(text)

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null
  return new Uint8Array(Buffer.from(text, "base64"))
}
