// Which daemons count as alive: those seen within 90 seconds (prebuilds-provisioning-agents.md C11).
export const daemonStaleAfterMs = 90_000

/** The oldest `last_seen_at` that is still alive at `now`; the bound is inclusive. */
export const aliveSince = (now: Date) => new Date(now.getTime() - daemonStaleAfterMs)

export const isAlive = (lastSeenAt: Date | null, now: Date) =>
  lastSeenAt !== null && lastSeenAt >= aliveSince(now)
