// Password hashes: scrypt with its parameters beside the hash, compared in constant time.
import { Buffer } from "node:buffer"
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto"

// Fits an isolate: 16 MiB and about 0.15 s. A higher cost exceeds the memory bound of the runtime.
const cost = { N: 16_384, r: 8, p: 5 }
const costMax = { N: 16_384, r: 8, p: 16 }
const saltBytes = 16
const hashBytes = 32

/** `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const hash = await derive(password, salt, cost)
  return ["scrypt", cost.N, cost.r, cost.p, salt.toString("base64"), hash.toString("base64")].join(
    "$",
  )
}

// Stands in for a missing user, so that the answer takes as long as for a wrong password.
const nobody = [
  "scrypt",
  cost.N,
  cost.r,
  cost.p,
  "AAAAAAAAAAAAAAAAAAAAAA==",
  `${"A".repeat(43)}=`,
].join("$")

/** True if the password matches. Without a usable hash it does the same work and returns false. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const known = stored === undefined ? null : parseStored(stored)
  const { salt, hash, parameters } = known ?? parseStored(nobody) ?? unusable()
  const derived = await derive(password, salt, parameters)
  return timingSafeEqual(derived, hash) && known !== null
}

type Cost = typeof cost

function parseStored(stored: string): { salt: Buffer; hash: Buffer; parameters: Cost } | null {
  const [scheme, N, r, p, salt = "", hash = ""] = stored.split("$")
  const parameters = { N: Number(N), r: Number(r), p: Number(p) }
  const isBounded = (["N", "r", "p"] as const).every(
    (name) =>
      Number.isInteger(parameters[name]) &&
      parameters[name] > 0 &&
      parameters[name] <= costMax[name],
  )
  const hashed = Buffer.from(hash, "base64")
  if (scheme !== "scrypt" || !isBounded || hashed.length !== hashBytes) return null
  return { salt: Buffer.from(salt, "base64"), hash: hashed, parameters }
}

function derive(password: string, salt: Buffer, { N, r, p }: Cost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, { N, r, p }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

function unusable(): never {
  throw new Error("the stand-in hash does not parse")
}
