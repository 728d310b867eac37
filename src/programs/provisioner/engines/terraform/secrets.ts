// Hides secrets in what is logged and reported.

/** A shorter value would hide words that mean nothing. */
const lengthMin = 6
const shown = "[secret]"

export type SecretMask = {
  /** Hides a value from now on: each line of it, and each text in it where it is JSON. */
  add: (value: string) => void
  hide: (text: string) => string
}

export function createSecretMask(): SecretMask {
  const secrets = new Set<string>()
  let pattern: RegExp | null = null
  return {
    add(value) {
      for (const part of [...value.split(/\r?\n/), ...textsIn(value)]) {
        const secret = part.trim()
        if (secret.length >= lengthMin) secrets.add(secret)
      }
      // The longest first, so that no tail of a secret stays behind.
      const ordered = [...secrets].sort((a, b) => b.length - a.length)
      pattern = ordered.length === 0 ? null : new RegExp(ordered.map(escape).join("|"), "g")
    },
    hide: (text) => (pattern === null ? text : text.replace(pattern, shown)),
  }
}

const escape = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)

/** The texts inside a JSON value, at any depth: elements of a list appear in a log one by one. */
function textsIn(value: string): string[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    // A map in the tool's own syntax: its quoted texts.
    return /^\s*[[{]/.test(value)
      ? [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text)
      : []
  }
  const found: string[] = []
  const pending = [parsed]
  while (pending.length > 0) {
    const next = pending.pop()
    if (typeof next === "string") found.push(...next.split(/\r?\n/))
    else if (typeof next === "object" && next !== null) pending.push(...Object.values(next))
  }
  return found
}
