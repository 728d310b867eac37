// The secrets of a local system, random on the first run and readable by their owner alone.
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export type LocalSecrets = {
  setupToken: string
  metricsToken: string
  /** An AES-256 key, base64. */
  tokenKey: string
  /** Password of the first user. */
  password: string
  /** Key of the local provisioner; empty before the first run has created one. */
  provisionerKey: string
}

export function readSecrets(directory: string): LocalSecrets {
  const path = join(directory, "secrets.json")
  if (existsSync(path)) {
    const secrets: LocalSecrets = JSON.parse(readFileSync(path, "utf8"))
    return secrets
  }
  const secrets = {
    setupToken: randomBytes(24).toString("base64url"),
    metricsToken: randomBytes(24).toString("base64url"),
    tokenKey: randomBytes(32).toString("base64"),
    password: randomBytes(9).toString("base64url"),
    provisionerKey: "",
  }
  writeSecrets(directory, secrets)
  return secrets
}

export function writeSecrets(directory: string, secrets: LocalSecrets): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, "secrets.json"), `${JSON.stringify(secrets, null, 2)}\n`, {
    mode: 0o600,
  })
}
