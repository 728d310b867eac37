// SSH keys in OpenSSH's formats.

export type SshKey = { publicKey: string; privateKey: string }

const kind = "ssh-ed25519"
const comment = "dormouse"
/** The PKCS #8 encoding of an Ed25519 key, up to its seed. */
const pkcs8Head = [
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]

/** The Ed25519 pair of a seed of 32 bytes, in OpenSSH's formats. */
export async function sshKeyOf(seed: Uint8Array): Promise<SshKey> {
  const publicBytes = await publicOf(seed)
  const publicBlob = Buffer.concat([field(kind), field(publicBytes)])
  return {
    publicKey: `${kind} ${publicBlob.toString("base64")}\n`,
    privateKey: pem(privateBlob(seed, publicBytes, publicBlob)),
  }
}

async function publicOf(seed: Uint8Array): Promise<Uint8Array> {
  const pkcs8 = new Uint8Array([...pkcs8Head, ...seed])
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, true, ["sign"])
  const exported = (await crypto.subtle.exportKey("jwk", key)) as JsonWebKey
  return Buffer.from(exported.x ?? "", "base64url")
}

/** The `openssh-key-v1` container without a passphrase. The arbitrary check number occurs twice. */
function privateBlob(seed: Uint8Array, publicBytes: Uint8Array, publicBlob: Buffer): Buffer {
  const check = uint32(0x646f726d)
  const body = Buffer.concat([
    check,
    check,
    field(kind),
    field(publicBytes),
    field(Buffer.concat([seed, publicBytes])),
    field(comment),
  ])
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, i) => i + 1))
  return Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    uint32(1),
    field(publicBlob),
    field(Buffer.concat([body, padding])),
  ])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function field(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([uint32(bytes.length), bytes])
}

function pem(blob: Buffer): string {
  const name = "OPENSSH PRIVATE KEY"
  const lines = blob.toString("base64").match(/.{1,70}/g) ?? []
  return [`-----BEGIN ${name}-----`, ...lines, `-----END ${name}-----`, ""].join("\n")
}
