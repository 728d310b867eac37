// The ttl that a person may choose: whole minutes, from one minute to thirty days, or none.

const minuteMs = 60_000
const ttlMsMax = 30 * 24 * 60 * minuteMs

export type TtlCheck = { ttlMs: number | null; problem: null } | { ttlMs: null; problem: string }

/**
 * Null and 0 mean no autostop. Other values are truncated to minutes before the bounds are
 * checked.
 */
export function checkTtl(requestedMs: number | null): TtlCheck {
  if (requestedMs === null || requestedMs === 0) return { ttlMs: null, problem: null }
  const ttlMs = Math.trunc(requestedMs / minuteMs) * minuteMs
  if (ttlMs < minuteMs)
    return { ttlMs: null, problem: "time until shutdown must be at least one minute" }
  if (ttlMs > ttlMsMax)
    return { ttlMs: null, problem: "time until shutdown must be less than 30 days" }
  return { ttlMs, problem: null }
}

/** At creation, no ttl means the template's default without bounds. A default of 0 means none. */
export function initialTtl(requestedMs: number | null, templateDefaultMs: number): TtlCheck {
  if (requestedMs !== null && requestedMs !== 0) return checkTtl(requestedMs)
  return { ttlMs: templateDefaultMs === 0 ? null : templateDefaultMs, problem: null }
}
