// How long a workspace may ask to run (lifecycle.md 8.2): whole minutes, from one minute to thirty days, or not at all.

const minuteMs = 60_000
const ttlMsMax = 30 * 24 * 60 * minuteMs

export type TtlCheck = { ttlMs: number | null; problem: null } | { ttlMs: null; problem: string }

/** Null and 0 mean no autostop. Anything else is cut down to whole minutes before the bounds are looked at. */
export function checkTtl(requestedMs: number | null): TtlCheck {
  if (requestedMs === null || requestedMs === 0) return { ttlMs: null, problem: null }
  const ttlMs = Math.trunc(requestedMs / minuteMs) * minuteMs
  if (ttlMs < minuteMs)
    return { ttlMs: null, problem: "time until shutdown must be at least one minute" }
  if (ttlMs > ttlMsMax)
    return { ttlMs: null, problem: "time until shutdown must be less than 30 days" }
  return { ttlMs, problem: null }
}

/** At creation, asking for nothing takes the template's default as it is, without bounds; a default of 0 is none. */
export function initialTtl(requestedMs: number | null, templateDefaultMs: number): TtlCheck {
  if (requestedMs !== null && requestedMs !== 0) return checkTtl(requestedMs)
  return { ttlMs: templateDefaultMs === 0 ? null : templateDefaultMs, problem: null }
}
