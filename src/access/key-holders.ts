// The users of recently proven keys, so that the rate limit counts a user, not each key.
//
// An isolate forgets them when it ends. The first request of a key then counts by the key.

const keysMax = 10_000
const users = new Map<string, string>()

/** Remembers who holds a key. Forgets the oldest entry when there are too many. */
export function rememberHolder(keyId: string, userId: string): void {
  if (users.has(keyId)) return
  if (users.size >= keysMax) {
    const [oldest] = users.keys()
    if (oldest !== undefined) users.delete(oldest)
  }
  users.set(keyId, userId)
}

/** The user who holds the key, or undefined if no request has proven it lately. */
export const holderOfKey = (keyId: string): string | undefined => users.get(keyId)
